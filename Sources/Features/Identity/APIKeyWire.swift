import APIKit
import JSON
import Primitives

/// The body that creates or edits an API key.
///
/// The owner can be named only when it is created.
struct APIKeyInput: WireInput {
    struct Spec: WireInput {
        let userUID: String?
        let expiry: Timestamp?

        init(from fields: Fields) {
            userUID = fields.optionalText("userUid", bytesMax: 64)
            expiry = fields.optionalTime("expiry")
        }
    }

    let metadata: MetaInput
    let spec: Spec?

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        spec = fields.optionalObject("spec")
    }
}

/// The body that revokes or re-activates a key.
struct ActiveStateInput: WireInput {
    /// `nil` when the body does not say.
    let isActive: Bool?

    init(from fields: Fields) {
        isActive = fields.optionalFlag("isActive")
    }
}

/// The only answer that ever holds a key's secret.
struct APIKeyCreated: WireOutput {
    let secret: String
    let uid: String

    static var examples: [APIKeyCreated] {
        [APIKeyCreated(secret: "easel_key_…", uid: "65f1c0a4d2b7e81f3c9a4b6d")]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("apiKey", secret)
            writer.field("uid", uid)
        }
    }
}

/// A key as it is shown: everything but the secret.
struct APIKeyAnswer: WireOutput {
    let owned: APIKeyStore.Owned

    var entityTag: String? { String(owned.key.version) }

    func write(to writer: inout JSONWriter) {
        let (key, owner) = (owned.key, owned.owner)
        writer.object { writer in
            writer.field(
                "metadata",
                ObjectMeta(
                    name: key.name,
                    uid: key.uid,
                    annotations: key.annotations,
                    createdAt: key.createdAt,
                    modifiedAt: key.modifiedAt
                )
            )
            writer.field(
                "spec",
                object: { writer in
                    writer.field("expiry", key.expiresAt ?? .never)
                    writer.field(
                        "user",
                        object: { writer in
                            writer.field("uid", owner.uid)
                            writer.field("firstName", owner.firstName)
                            writer.field("lastName", owner.lastName)
                        }
                    )
                }
            )
            writer.field("status", object: { $0.field("isActive", key.isActive) })
        }
    }

    static var examples: [APIKeyAnswer] {
        let meta = ObjectMeta.example
        let key = APIKey(
            uid: meta.uid,
            tenantUID: meta.uid,
            accountUID: meta.uid,
            name: "ci",
            annotations: meta.annotations,
            expiresAt: meta.createdAt,
            isActive: true,
            version: 1,
            createdAt: meta.createdAt,
            modifiedAt: meta.modifiedAt
        )
        return [APIKeyAnswer(owned: APIKeyStore.Owned(key: key, owner: UserAnswer.example))]
    }
}

/// All keys that the caller may see.
struct APIKeyListAnswer: WireOutput {
    let items: [APIKeyAnswer]

    static var examples: [APIKeyListAnswer] { [APIKeyListAnswer(items: APIKeyAnswer.examples)] }

    func write(to writer: inout JSONWriter) {
        writer.object { $0.field("items", items) }
    }
}
