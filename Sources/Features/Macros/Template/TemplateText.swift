/// A text with references such as `{{ .spectro.macro.zone | upper }}`, taken apart once.
///
/// Only braces that hold a reference are looked at: Go templates of others, such as
/// `{{ .Values.x }}`, stay as they are. So does whatever stands in a line that is a comment.
package struct TemplateText: Sendable {
    /// A stretch of the text.
    package enum Part: Sendable, Hashable {
        /// Bytes that stay as they are.
        case text(Range<Int>)
        /// A reference with its braces, which stand at these bytes.
        case reference(TemplateReference, Range<Int>)
    }

    /// The text in UTF-8.
    package let bytes: [UInt8]
    /// What the text consists of, in order and without gaps.
    package let parts: [Part]
    /// What is wrong with references, in the order of the text; at most `faultsMax`.
    package let faults: [TemplateFault]

    static let referencesMax = 2000
    static let faultsMax = 20

    /// Takes a text apart.
    package init(_ text: String) {
        self.init(Array(text.utf8))
    }

    /// Takes a text in UTF-8 apart.
    package init(_ bytes: [UInt8]) {
        var scanner = TemplateScanner(bytes)
        scanner.run()
        self.bytes = bytes
        parts = scanner.parts
        faults = scanner.faults
    }

    /// The references, in the order of the text.
    package var references: [TemplateReference] {
        parts.compactMap { part in
            if case .reference(let reference, _) = part { reference } else { nil }
        }
    }

    /// Whether a text can hold references at all; quick.
    package static func mayRefer(_ text: String) -> Bool {
        // Looked for in the bytes, as a mark after the brace would make another character of it.
        text.utf8.contains(UInt8(ascii: "{")) && TemplateScanner.holdsRoot(Array(text.utf8))
    }
}

/// What a reference stands for.
package struct TemplateReference: Sendable, Hashable {
    /// Where the value comes from.
    package enum Target: Sendable, Hashable {
        /// A macro of the project, the tenant or the system.
        case macro(String)
        /// Something that the server knows, such as `project.name`.
        case system(String)
        /// A variable of the profile.
        case variable(String)
        /// `<pack>.<path>`: a value of another layer.
        case pack(String)
    }

    package let target: Target
    /// What the value goes through, in order.
    let calls: [TemplateCall]
    /// Line of the opening braces, from 1.
    package let line: Int
    /// Column of the opening braces in characters, from 1.
    package let column: Int

    /// Whether the value goes through functions.
    package var hasFunctions: Bool { !calls.isEmpty }
}

/// One function behind a pipe.
struct TemplateCall: Sendable, Hashable {
    let function: String
    let arguments: [String]
}

/// One thing that is wrong with a reference.
package struct TemplateFault: Error, Sendable, Hashable {
    /// Which rule, stable for programs.
    package let code: String
    /// What to change, without the place.
    package let message: String
    package let line: Int
    package let column: Int

    /// The message with its place in the text.
    package var sentence: String { "line \(line), column \(column): \(message)" }

    package init(_ code: String, _ message: String, line: Int, column: Int) {
        self.code = code
        self.message = message
        self.line = line
        self.column = column
    }

    init(_ code: String, _ message: String, _ reference: TemplateReference) {
        self.init(code, message, line: reference.line, column: reference.column)
    }
}
