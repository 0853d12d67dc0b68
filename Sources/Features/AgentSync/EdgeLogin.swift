import APIKit
import Crypto
import HTTPCore
import JSON
import Primitives

/// Palette's `v1EdgeServiceLogin`.
struct EdgeLoginInput: WireInput {
    let applianceUID: String
    let credential: String

    init(from fields: Fields) {
        applianceUID = fields.text("edgeHostUid")
        credential = fields.text("authToken")
    }
}

/// Palette's `v1UserToken`.
struct EdgeLoginAnswer: WireOutput {
    let authorization: String

    static var examples: [EdgeLoginAnswer] { [EdgeLoginAnswer(authorization: "easel_agent_…")] }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("Authorization", authorization)
            writer.field("isMfa", false)
        }
    }
}

extension AgentSync {
    /// For agents that log in before they call: the appliance's own credential is what they get
    /// back.
    ///
    /// Registration tokens and pairing keys admit, they do not log in.
    var edgeLogin: Endpoint {
        Endpoint(
            .post,
            "/v1/auth/services/edge/login",
            id: "edgeServiceLogin",
            tag: "Agents",
            summary: "Checks an appliance's credential and gives it back for later calls.",
            access: .open,
            failures: [.invalidBody, .unauthenticated, .resourceNotFound],
            input: EdgeLoginInput.self,
            output: EdgeLoginAnswer.self
        ) { input, _ in
            let entry = try authenticator.entry(credential: SHA256.digest(input.credential))
            guard entry.uid == input.applianceUID else {
                throw Self.invalidCredential
            }
            if !entry.isCredentialUsed { try await noteUse(of: entry) }
            return EdgeLoginAnswer(authorization: input.credential)
        }
        .answeringSecret()
        .checkingSecrets()
    }
}
