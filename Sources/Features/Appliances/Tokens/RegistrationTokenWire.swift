import APIKit
import JSON
import Primitives

/// What an operator gives to make or change a token: Palette's `v1EdgeTokenEntity` and
/// `v1EdgeTokenUpdate`.
struct TokenInput: WireInput {
    let name: String
    let annotations: [String: String]?
    let defaultProjectUID: String?
    /// `nil` when the body sets none.
    let expiresAt: Timestamp?
    let usesMax: Int64?

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        let metadata: TokenMetadataInput = fields.object("metadata")
        let spec: TokenSpecInput? = fields.optionalObject("spec")
        name = metadata.name
        annotations = metadata.annotations
        usesMax = metadata.usesMax
        defaultProjectUID = spec?.defaultProjectUID
        expiresAt = spec?.expiresAt
    }
}

private struct TokenMetadataInput: WireInput {
    let name: String
    let annotations: [String: String]?
    let usesMax: Int64?

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: 128)
        if let flaw = NameRule.flaw(in: name) { fields.fault("name", "InvalidCharacter", flaw) }
        let texts = fields.annotations()
        annotations = fields.has("annotations") ? texts : nil
        var usesMax: Int64?
        if let text = texts[RegistrationToken.usesAnnotation], !text.isEmpty {
            usesMax = Int64(text)
            if !(1...1_000_000).contains(usesMax ?? 0) {
                fields.fault(
                    "annotations",
                    key: RegistrationToken.usesAnnotation,
                    "OutOfRange",
                    "'\(RegistrationToken.usesAnnotation)' must be a number from 1 to 1000000."
                )
            }
        }
        self.usesMax = usesMax
    }
}

private struct TokenSpecInput: WireInput {
    let defaultProjectUID: String?
    let expiresAt: Timestamp?

    init(from fields: Fields) {
        let uid = fields.optionalText("defaultProjectUid") ?? ""
        let project: ReferenceInput? = fields.optionalObject("defaultProject")
        // A body that was read comes back with the project as an object.
        let chosen = uid.isEmpty ? project?.uid ?? "" : uid
        defaultProjectUID = chosen.isEmpty ? nil : chosen
        let text = fields.optionalText("expiry") ?? ""
        let moment = TokenExpiry.parse(text)
        if moment == nil, !text.isEmpty {
            fields.fault(
                "expiry",
                "InvalidTime",
                "'expiry' must be a date such as 2027-02-28, or a time such as "
                    + "2027-02-28T12:00:00Z."
            )
        }
        expiresAt = moment == .never ? nil : moment
    }
}

/// Palette's `v1EdgeTokenActiveState`.
struct TokenStateInput: WireInput {
    let isActive: Bool

    init(from fields: Fields) {
        let flag = fields.optionalFlag("isActive")
        // Go clients leave out a member that is false.
        isActive = flag ?? false
    }
}

/// One token as its tenant's administrators see it: Palette's `v1EdgeToken`.
///
/// The value is shown each time, as Palette's clients make a token and then read its value from
/// the list. It only admits appliances, and who may read it may make one.
struct TokenAnswer: WireOutput {
    let token: RegistrationToken
    let value: String
    let projectName: String?

    var entityTag: String? { String(token.version) }

    static var examples: [TokenAnswer] {
        let moment = Timestamp(milliseconds: 1_772_366_400_000)
        func example(_ project: String?) -> TokenAnswer {
            TokenAnswer(
                token: RegistrationToken(
                    uid: "65f1c0a4d2b7e81f3c9a4b6d",
                    tenantUID: "",
                    name: "stores",
                    annotations: ["description": "Stores in the north"],
                    defaultProjectUID: project,
                    sealed: "",
                    usesMax: nil,
                    uses: 0,
                    profileUID: nil,
                    expiresAt: project == nil ? nil : moment,
                    isActive: true,
                    version: 1,
                    createdAt: moment,
                    modifiedAt: moment
                ),
                value: "easel_reg_…",
                projectName: project.map { _ in "Default" }
            )
        }
        return [example("65f1c0a4d2b7e81f3c9a4b6e"), example(nil)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field(
                "metadata",
                WireMetadata(
                    uid: token.uid,
                    name: token.name,
                    labels: [:],
                    annotations: token.annotations,
                    createdAt: token.createdAt,
                    modifiedAt: token.modifiedAt
                )
            )
            writer.key("spec")
            writer.object { writer in
                if let uid = token.defaultProjectUID {
                    writer.key("defaultProject")
                    writer.object { writer in
                        writer.field("uid", uid)
                        writer.field("name", projectName ?? "")
                    }
                }
                writer.field("expiry", token.expiresAt ?? .never)
                writer.field("token", value)
            }
            writer.key("status")
            writer.object { writer in writer.field("isActive", token.isActive) }
        }
    }
}

/// Palette's `v1EdgeTokens`.
struct TokenListAnswer: WireOutput {
    let items: [TokenAnswer]

    static var examples: [TokenListAnswer] { [TokenListAnswer(items: TokenAnswer.examples)] }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in writer.field("items", items) }
    }
}
