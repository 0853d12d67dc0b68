/// What a reference is found to be.
package enum TemplateAnswer: Sendable {
    /// This text, which goes through the functions; empty for what is missing.
    case value(String)
    /// Not known yet: the reference stays as it is, with its functions.
    case unknown
    /// This text as it is, whatever the functions: what nobody may see.
    case masked(String)
    /// Nothing that may be referred to.
    case fault(code: String, message: String)
}

extension TemplateText {
    /// What a whole text may grow to.
    package static let renderedBytesMax = 4 << 20

    /// The text with every reference replaced by what it is found to be.
    ///
    /// - Parameter faults: takes what cannot be resolved, at most `faultsMax`; the text is then not
    ///   to be used.
    package func rendered(
        faults: inout [TemplateFault],
        _ find: (TemplateReference) throws -> TemplateAnswer
    ) rethrows -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for part in parts {
            switch part {
            case .text(let range):
                result += bytes[range]
            case .reference(let reference, let range):
                guard faults.count < Self.faultsMax else { return "" }
                switch try find(reference) {
                case .value(let value):
                    do throws(TemplateFault) {
                        result += try reference.applied(to: value, margin(of: range)).utf8
                    } catch {
                        faults.append(error)
                    }
                case .unknown: result += bytes[range]
                case .masked(let mask): result += mask.utf8
                case .fault(let code, let message):
                    faults.append(TemplateFault(code, message, reference))
                }
                guard result.count <= Self.renderedBytesMax else {
                    let message = "The text would grow beyond \(Self.renderedBytesMax) bytes."
                    faults.append(TemplateFault("TooLarge", message, reference))
                    return ""
                }
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// What stands before a reference in its line, when it is nothing but blanks.
    private func margin(of range: Range<Int>) -> String? {
        let margin = bytes[..<range.lowerBound].reversed()
            .prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let begin = range.lowerBound - margin.count
        guard begin == 0 || bytes[begin - 1] == UInt8(ascii: "\n") else { return nil }
        return String(decoding: bytes[begin..<range.lowerBound], as: UTF8.self)
    }

    /// The text with something harmless in the place of each reference, to see whether it is YAML.
    package var neutral: String {
        var faults: [TemplateFault] = []
        return rendered(faults: &faults) { _ in .masked("x") }
    }
}

extension TemplateReference {
    /// The value after all functions.
    ///
    /// Several lines come in only by `indent` and `nindent`, or aligned with a reference that
    /// begins its line: elsewhere a value would write keys of its own into the YAML around it.
    ///
    /// - Parameter margin: the blanks before a reference that begins its line.
    func applied(to value: String, _ margin: String?) throws(TemplateFault) -> String {
        var value = value
        var mayHaveLines = false
        for call in calls {
            guard let function = TemplateFunction.named(call.function) else { continue }
            do throws(TemplateFunction.Problem) {
                value = try function.run(call.arguments, value)
            } catch {
                throw TemplateFault(error.code, "'\(call.function)': \(error.message)", self)
            }
            if call.function == "indent" || call.function == "nindent" { mayHaveLines = true }
        }
        if !mayHaveLines, value.utf8.contains(where: { $0 == 10 || $0 == 13 }) {
            if let margin {
                let lines = value.split(
                    omittingEmptySubsequences: false,
                    whereSeparator: \.isNewline
                )
                return try checkedSize(lines.joined(separator: "\n" + margin))
            }
            throw TemplateFault(
                "SeveralLines",
                "The value has several lines; begin the line with the reference, or pipe it "
                    + "through indent, nindent, quote or b64enc.",
                self
            )
        }
        return try checkedSize(value)
    }

    private func checkedSize(_ value: String) throws(TemplateFault) -> String {
        guard value.utf8.count <= TemplateFunction.bytesMax else {
            throw TemplateFault(
                "TooLarge",
                "A value has at most \(TemplateFunction.bytesMax) bytes.",
                self
            )
        }
        return value
    }
}
