import APIKit
import Crypto
import HTTPCore
import JSON
import Primitives

/// A request for a certificate of the machine's own key.
struct CertificateInput: WireInput {
    /// PKCS#10 in PEM.
    let request: String

    init(from fields: Fields) {
        request = fields.text("certificateRequest", bytesMax: CertificateRequest.bytesMax)
    }
}

/// The certificate that was made.
struct CertificateAnswer: WireOutput {
    /// The certificate and its authority's, in PEM.
    let chain: String

    static var examples: [CertificateAnswer] {
        [CertificateAnswer(chain: "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n")]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in writer.field("clientCertificate", chain) }
    }
}

extension AgentSync {
    /// Gives a paired appliance a certificate that stands for the credential it has, so that it
    /// need not pair again before one ends, or to get its first.
    var renewCertificate: Endpoint {
        Endpoint(
            .post,
            "/v1/edgehosts/{uid}/certificate",
            id: "renewCertificate",
            tag: "Agents",
            summary: "Makes a certificate for an appliance's own key and the credential it has.",
            document: .agent,
            access: .appliance,
            failures: [.invalidBody, .ruleViolated, .resourceNotFound],
            input: CertificateInput.self,
            output: CertificateAnswer.self
        ) { input, context in
            let entry = try await caller(context)
            guard let credential = entry.credential else { throw revoked(entry) }
            return CertificateAnswer(
                chain: try certificate(
                    on: input.request,
                    for: entry.uid,
                    credential: credential,
                    at: context.now
                )
            )
        }
    }

    /// The certificate that stands for a credential, for the key of a request.
    func certificate(
        on request: String,
        for uid: String,
        credential: Digest,
        at now: Timestamp
    ) throws -> String {
        guard let clientAuthority else {
            throw Failure.fault(
                "/certificateRequest",
                "NotOffered",
                "This server takes no client certificates; do without 'certificateRequest'."
            )
        }
        do throws(CertificateError) {
            let chain = try clientAuthority.sign(
                request: Array(request.utf8),
                for: uid,
                credential: credential,
                at: now
            )
            return String(decoding: chain, as: UTF8.self)
        } catch {
            guard case .unreadableRequest = error else { throw error }
            throw Failure.fault(
                "/certificateRequest",
                "InvalidCertificateRequest",
                "'certificateRequest' is \(error)."
            )
        }
    }
}
