import APIKit
import JSON
import Primitives

/// The body of a sign-in.
struct LoginInput: WireInput {
    let email: String
    let password: String
    let organisation: String?

    init(from fields: Fields) {
        email = fields.text("emailId", bytesMax: EmailAddress.bytesMax)
        password = fields.text("password", bytesMax: 1024)
        organisation = fields.optionalText("org", bytesMax: MetaInput.nameBytesMax)
    }
}

/// The body that makes a person.
///
/// There is no mail with a link under which people choose a password themselves; so the first one
/// may be given here, which is an addition to Palette's body.
struct UserInput: WireInput {
    struct Spec: WireInput {
        let email: String
        let firstName: String
        let lastName: String
        let password: String?
        let role: String

        init(from fields: Fields) {
            let given = fields.text("emailId", bytesMax: EmailAddress.bytesMax)
            let address = EmailAddress(given)
            email = address?.text ?? ""
            if address == nil, !given.isEmpty {
                fields.fault("emailId", "InvalidEmail", "'emailId' is not an e-mail address.")
            }
            firstName = Self.name("firstName", fields)
            lastName = Self.name("lastName", fields)
            password = fields.optionalText("password", bytesMax: 1024)
            for fault in PasswordPolicy.faults(of: password ?? "", at: "") where password != nil {
                fields.fault("password", fault.code, fault.message)
            }
            let roles = fields.texts("roles", countMax: 100)
            if roles.contains(where: { $0 != Account.tenantAdminRole }) {
                let known = Account.tenantAdminRole
                fields.fault("roles", "UnknownRole", "The only role there is is '\(known)'.")
            }
            if !fields.texts("teams", countMax: 100).isEmpty {
                fields.fault("teams", "UnknownTeam", "There are no teams to be a member of.")
            }
            role = roles.isEmpty ? Account.noRole : Account.tenantAdminRole
        }

        private static func name(_ key: String, _ fields: Fields) -> String {
            let name = fields.optionalText(key, bytesMax: MetaInput.nameBytesMax) ?? ""
            if let flaw = NameRule.flaw(in: name) { fields.fault(key, "NotAllowed", flaw) }
            return name
        }
    }

    let spec: Spec

    init(from fields: Fields) {
        spec = fields.object("spec")
    }
}

/// A session token.
struct UserTokenAnswer: WireOutput {
    let token: String

    static var examples: [UserTokenAnswer] { [UserTokenAnswer(token: "eyJhbGciOi…")] }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("Authorization", token)
            writer.field("isMfa", false)
        }
    }
}

/// Who the caller is: the way every tool learns its tenant.
struct UserInfoAnswer: WireOutput {
    let organisation: String
    let tenantUID: String
    let userUID: String

    static var examples: [UserInfoAnswer] {
        let uid = ObjectMeta.example.uid
        return [UserInfoAnswer(organisation: "Acme", tenantUID: uid, userUID: uid)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("orgName", organisation)
            writer.field("tenantUid", tenantUID)
            writer.field("userUid", userUID)
        }
    }
}

/// A person.
struct UserAnswer: Sendable, JSONWritable {
    let account: Account

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field(
                "metadata",
                ObjectMeta(
                    name: account.displayName,
                    uid: account.uid,
                    createdAt: account.createdAt,
                    modifiedAt: account.modifiedAt
                )
            )
            writer.field(
                "spec",
                object: { writer in
                    writer.field("emailId", account.email)
                    writer.field("firstName", account.firstName)
                    writer.field("lastName", account.lastName)
                    writer.field("roles", account.role == Account.noRole ? [] : [account.role])
                }
            )
            writer.field(
                "status",
                object: { writer in
                    writer.field("activationLink", "")
                    writer.field("isActive", account.isActive)
                    writer.field("isPasswordResetting", false)
                }
            )
        }
    }

    static var example: Account {
        let meta = ObjectMeta.example
        return Account(
            uid: meta.uid,
            tenantUID: meta.uid,
            email: "admin@example.com",
            firstName: "Ann",
            lastName: "Example",
            role: Account.tenantAdminRole,
            isActive: true,
            createdAt: meta.createdAt,
            modifiedAt: meta.modifiedAt
        )
    }
}

extension Account {
    /// First and last name, or the e-mail address of a person who gave none.
    var displayName: String {
        let names = [firstName, lastName].filter { !$0.isEmpty }
        return names.isEmpty ? email : names.joined(separator: " ")
    }
}

/// A page of the tenant's people.
struct UserListAnswer: WireOutput {
    let items: [UserAnswer]
    let meta: ListMeta

    static var examples: [UserListAnswer] {
        [UserListAnswer(items: [UserAnswer(account: UserAnswer.example)], meta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("items", items)
            writer.key("listmeta")
            meta.write(to: &writer)
        }
    }
}
