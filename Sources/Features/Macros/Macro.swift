import APIKit
import Primitives

/// Whose macros they are.
package enum MacroScope: Sendable, Hashable {
    /// Those of every tenant of the server.
    case system
    case tenant(String)
    case project(String)

    /// What the set is stored under.
    var key: String {
        switch self {
        case .system: "system"
        case .tenant(let uid), .project(let uid): uid
        }
    }

    /// What a person calls it.
    var words: String {
        switch self {
        case .system: "the system"
        case .tenant: "the organisation"
        case .project: "the project"
        }
    }
}

/// The macros of one scope.
struct MacroSet: Sendable {
    /// Of one scope.
    static let countMax = 200
    static let nameBytesMax = 128
    static let valueBytesMax = 16 << 10
    /// All macros of a scope, with room for escapes.
    static let bodyBytesMax = 8 << 20

    /// Name → value.
    var values: [String: String]
    /// 0 until the first is made.
    var version: Int64

    /// The version as an entity tag; nobody can have read another before the first is made.
    var tag: String { version == 0 ? "none" : String(version) }

    /// What makes a text unfit to be a name; `nil` when it is fit.
    static func flaw(inName name: String) -> String? {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        let isDotted = name.hasPrefix(".") || name.hasSuffix(".") || name.contains("..")
        guard isPlain, !isDotted else {
            return "A macro's name consists of letters, digits, '-', '_' and single dots inside."
        }
        return nil
    }

    /// What makes a text unfit to be a value; `nil` when it is fit.
    static func flaw(inValue value: String) -> String? {
        if value.contains("{{") {
            return "A macro's value cannot hold '{{': references do not nest."
        }
        let isOdd = value.unicodeScalars.contains {
            $0.properties.generalCategory == .control && !["\n", "\r", "\t"].contains($0)
        }
        return isOdd ? "A macro's value must not hold control characters." : nil
    }
}
