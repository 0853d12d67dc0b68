import APIKit
import Packs
import Primitives

/// The rules of variables, each fault with its place.
enum VariableRules {
    /// How much text one request may have matched with regular expressions.
    private static let matchedBytesMax = 64 << 10

    /// What is wrong with these variables, alone and together.
    static func check(_ inputs: [VariableInput], _ faults: FaultList) {
        let matched = inputs.map(\.variable).filter { !$0.pattern.isEmpty }
        let bytes = matched.reduce(0) { sum, variable in
            variable.options.reduce(sum + variable.defaultValue.utf8.count) {
                $0 + $1.value.utf8.count
            }
        }
        // Matching takes time with the length of the text.
        guard bytes <= matchedBytesMax else {
            let what =
                "Values that regular expressions check have at most \(matchedBytesMax) bytes "
                + "together; these have \(bytes)."
            // The first one's place is the list's and `/0`.
            let list = String((inputs.first?.pointer ?? "").dropLast(2))
            return faults.add(Fault(list, "TooLarge", what))
        }
        var names: Set<String> = []
        var displayNames: Set<String> = []
        for input in inputs {
            let variable = input.variable
            if !variable.name.isEmpty, !names.insert(variable.name).inserted {
                let what = "There is more than one variable '\(variable.name)'."
                faults.add(Fault(input.pointer + "/name", "DuplicateName", what))
            }
            let shown = variable.displayName
            if !shown.isEmpty, !displayNames.insert(shown).inserted {
                let what = "There is more than one variable with the display name '\(shown)'."
                faults.add(Fault(input.pointer + "/displayName", "DuplicateName", what))
            }
            check(variable, at: input.pointer, faults)
        }
    }

    private static func check(
        _ variable: ProfileVariable,
        at pointer: String,
        _ faults: FaultList
    ) {
        let pattern = pattern(of: variable, at: pointer, faults)
        if variable.isSensitive, variable.inputType == .dropdown {
            let what = "A sensitive variable cannot be a dropdown, which shows its options."
            return faults.add(Fault(pointer + "/inputType", "NotAllowed", what))
        }
        checkOptions(variable, pattern, at: pointer, faults)
        let fallback = variable.fallback
        if fallback.isEmpty {
            if variable.isHidden, variable.isRequired {
                let what = "A hidden variable that is required needs a default."
                faults.add(Fault(pointer + "/defaultValue", "Required", what))
            } else if variable.isImmutable {
                let what = "A variable that cannot be changed needs a default."
                faults.add(Fault(pointer + "/defaultValue", "Required", what))
            }
        }
        // What was shown as a mask and is put back has been checked before.
        guard !variable.defaultValue.isEmpty, !variable.isMasked else { return }
        if let flaw = flaw(in: variable.defaultValue, of: variable, pattern) {
            faults.add(Fault(pointer + "/defaultValue", "InvalidValue", flaw))
        }
    }

    private static func pattern(
        of variable: ProfileVariable,
        at pointer: String,
        _ faults: FaultList
    ) -> TextPattern? {
        guard !variable.pattern.isEmpty else { return nil }
        let pattern = TextPattern(variable.pattern)
        if pattern == nil {
            let what = "The regular expression is none in the syntax of RE2, or too large."
            faults.add(Fault(pointer + "/regex", "InvalidPattern", what))
        }
        return pattern
    }

    private static func checkOptions(
        _ variable: ProfileVariable,
        _ pattern: TextPattern?,
        at pointer: String,
        _ faults: FaultList
    ) {
        guard variable.inputType == .dropdown else {
            if !variable.options.isEmpty {
                let what = "Options belong to the input type 'dropdown'."
                faults.add(Fault(pointer + "/options", "NotAllowed", what))
            }
            return
        }
        guard !variable.options.isEmpty else {
            let what = "A dropdown needs at least one option."
            return faults.add(Fault(pointer + "/options", "Required", what))
        }
        var values: Set<String> = []
        for (index, option) in variable.options.enumerated() where !option.value.isEmpty {
            let at = pointer + "/options/\(index)/value"
            if !values.insert(option.value).inserted {
                let what = "There is more than one option '\(option.value)'."
                faults.add(Fault(at, "DuplicateName", what))
            }
            if let flaw = flaw(in: option.value, of: variable, pattern) {
                faults.add(Fault(at, "InvalidValue", flaw))
            }
        }
        let chosen = variable.options.filter(\.isDefault).map(\.value)
        let fallback = variable.fallback
        if fallback.isEmpty {
            let what = "A dropdown needs a default that is one of its options."
            faults.add(Fault(pointer + "/defaultValue", "Required", what))
        } else if !values.contains(fallback) || chosen.count > 1
            || chosen.count == 1 && chosen[0] != fallback
        {
            let what = "The default of a dropdown is one of its options, and the only one."
            faults.add(Fault(pointer + "/defaultValue", "NotAllowed", what))
        }
    }

    /// What makes a text unfit to be a value; `nil` when it is fit.
    ///
    /// It never shows the value, which may be a secret.
    private static func flaw(
        in value: String,
        of variable: ProfileVariable,
        _ pattern: TextPattern?
    ) -> String? {
        if value.contains("{{") { return "A value cannot hold '{{': references do not nest." }
        let isOdd = value.unicodeScalars.contains {
            $0.properties.generalCategory == .control && !["\n", "\r", "\t"].contains($0)
        }
        if isOdd { return "A value must not hold control characters." }
        if variable.inputType != .multiline, value.contains(where: \.isNewline) {
            return "Several lines need the input type 'multiline'."
        }
        guard fits(value, variable.format) else {
            return "The value is no \(variable.format.rawValue)."
        }
        guard let pattern else { return nil }
        guard value.unicodeScalars.count <= TextPattern.textLengthMax else {
            return "A value that a regular expression checks has at most "
                + "\(TextPattern.textLengthMax) characters."
        }
        return pattern.isFound(in: value)
            ? nil : "The value does not match the regular expression."
    }

    static func fits(_ value: String, _ format: ProfileVariable.Format) -> Bool {
        switch format {
        case .string: true
        case .number:
            Double(value).map(\.isFinite) == true
                && value.utf8.allSatisfy { "0123456789.-+eE".utf8.contains($0) }
        case .boolean: value == "true" || value == "false"
        case .ipv4: isIPv4(value)
        case .ipv4cidr: isIPv4Network(value)
        case .ipv6: value.contains(":") && IPAddress(value.utf8) != nil
        case .version: ProfileRules.isVersion(value)
        case .base64: Base64.decode(value) != nil
        }
    }

    private static func isIPv4(_ text: some StringProtocol) -> Bool {
        !text.contains(":") && IPAddress(text.utf8) != nil
    }

    private static func isIPv4Network(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, isIPv4(parts[0]), let bits = Int(parts[1]) else { return false }
        return (0...32).contains(bits) && String(bits) == parts[1]
    }
}
