import Crypto
import Primitives
import TLS

// The appliance's own key: it never leaves the machine, and what shows it is renewed in time.
extension Follower {
    /// How long before its end a certificate is renewed.
    static let renewalDays: Int64 = 30
    /// The pause after a renewal that failed.
    static let renewalPauseSeconds: Int64 = 3600

    /// Makes the way to the server, showing the certificate when there is one that counts.
    func connect(_ inputs: Inputs) throws {
        do {
            link = ServerLink(
                courier: try outside.connect(inputs.server, try identity(inputs)),
                uid: inputs.deviceID
            )
        } catch let silence as Silence {
            outside.log(.error, silence.reason)
            link = nil
        }
    }

    /// What the appliance shows of itself.
    ///
    /// A certificate that has expired is not shown: TLS would refuse it, where the credential
    /// alone may do.
    private func identity(_ inputs: Inputs) throws -> TLSIdentity? {
        renewAt = nil
        guard inputs.site.hasOwnKey else { return nil }
        renewAt = outside.now()
        let key = try store.key()
        guard let chain = try store.certificate(),
            let certificate = try? Certificate(pem: chain),
            certificate.matches(try PrivateKey(pem: key)), outside.now() < certificate.notAfter
        else { return nil }
        renewAt = certificate.notAfter.adding(seconds: -Self.renewalDays * 86_400)
        return TLSIdentity(chainPEM: chain, keyPEM: key)
    }

    /// The request for a certificate that pairing carries; nil without a key of its own.
    func certificateRequest(_ inputs: Inputs) throws -> String? {
        guard inputs.site.hasOwnKey else { return nil }
        return String(
            decoding: try CertificateRequest.make(PrivateKey(pem: store.key())),
            as: UTF8.self
        )
    }

    /// Has the certificate renewed when it ends soon, or gets the first one of an appliance that
    /// paired without.
    ///
    /// What does not work is tried again later; until then the former one is shown, or none.
    ///
    /// - Returns: whether there is a new one.
    func renewCertificate(_ inputs: Inputs, _ credential: String) async throws -> Bool {
        guard let link, let renewAt, renewAt <= outside.now(),
            let request = try certificateRequest(inputs)
        else { return false }
        do {
            let chain = try await link.renewCertificate(
                request,
                credential: credential,
                stamp: stamp
            )
            try store.save(certificate: chain)
            try connect(inputs)
            unsay("certificate")
            outside.log(.info, "The certificate of the appliance's own key is renewed.")
            return true
        } catch let trouble as ServerLink.Trouble {
            self.renewAt = outside.now().adding(seconds: Self.renewalPauseSeconds)
            say("certificate", .warning, "No new certificate for now: \(trouble.message)")
            return false
        }
    }
}
