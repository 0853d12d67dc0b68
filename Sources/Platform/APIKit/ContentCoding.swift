import HTTPCore

/// Which content codings a caller takes for its answer (RFC 9110 §12.5.3).
///
/// Gzip is the only coding beside none: see `docs/decisions/0008-gzip-alone.md`.
struct AcceptedCodings: Sendable {
    /// Weights in thousandths; `nil` for what is not named.
    private var gzip: Int?
    private var identity: Int?
    private var any: Int?

    init(_ request: Request) {
        for field in request.values(of: "accept-encoding") {
            for part in request.head[field].split(separator: UInt8(ascii: ",")) { take(part) }
        }
    }

    /// Whether gzip is taken, and no coding at all is not liked better.
    var prefersGzip: Bool {
        let weight = gzip ?? any ?? 0
        return weight > 0 && weight >= identity ?? 0
    }

    private mutating func take(_ part: ArraySlice<UInt8>) {
        var pieces = part.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            .makeIterator()
        guard let name = pieces.next().map(Self.word), !name.isEmpty else { return }
        var weight = 1000
        if let parameter = pieces.next() {
            guard let given = Self.weight(Self.word(parameter)), pieces.next() == nil else {
                return
            }
            weight = given
        }
        switch name {
        case "gzip", "x-gzip": gzip = weight
        case "identity": identity = weight
        case "*": any = weight
        default: break
        }
    }

    /// A piece in lower case, blanks around it taken off.
    private static func word(_ bytes: ArraySlice<UInt8>) -> String {
        let blanks: Set<UInt8> = [UInt8(ascii: " "), UInt8(ascii: "\t")]
        var bytes = bytes.drop { blanks.contains($0) }
        while let last = bytes.last, blanks.contains(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self).lowercased()
    }

    /// `q=` and a number from 0 to 1 with up to three digits behind the point, in thousandths
    /// (RFC 9110 §12.4.2); `nil` for anything else.
    private static func weight(_ text: String) -> Int? {
        guard text.hasPrefix("q=") else { return nil }
        let number = Array(text.utf8.dropFirst(2))
        guard let first = number.first, first == 0x30 || first == 0x31, number.count <= 5 else {
            return nil
        }
        var result = first == 0x31 ? 1000 : 0
        var scale = 100
        for (index, byte) in number.enumerated().dropFirst() {
            if index == 1 {
                guard byte == UInt8(ascii: ".") else { return nil }
            } else {
                guard (0x30...0x39).contains(byte) else { return nil }
                result += Int(byte - 0x30) * scale
                scale /= 10
            }
        }
        return result <= 1000 ? result : nil
    }
}

extension Request {
    /// The values of all fields of this name, given in lower case, as offsets into `head`.
    func values(of name: StaticString) -> [Range<Int>] {
        let text = "\(name)".utf8
        return fields.compactMap { head[$0.name].elementsEqual(text) ? $0.value : nil }
    }
}

extension EntityTag {
    /// What stands at the end of a tag whose answer is sent gzipped: another coding is another
    /// representation, with a strong tag of its own (RFC 9110 §8.8.3.3).
    private static let gzipEnd = Array("-gzip\"".utf8)

    /// The tag of the same answer, gzipped.
    static func gzipped(_ tag: [UInt8]) -> [UInt8] {
        tag.isEmpty ? tag : tag.dropLast() + gzipEnd
    }

    /// The tag of the answer as it is, whichever way it was sent: both are of one version, and a
    /// version is what preconditions ask for.
    static func uncoded(_ tag: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard tag.count > gzipEnd.count, tag.suffix(gzipEnd.count).elementsEqual(gzipEnd) else {
            return tag
        }
        return tag.dropLast(gzipEnd.count) + [UInt8(ascii: "\"")]
    }
}
