import APIKit
import Appliances
import Crypto

/// The body of a pairing: Palette's `v1EdgeHostDevice`.
///
/// Its secrets are kept as digests only.
package struct PairingInput: WireInput {
    let document: DeviceInput
    let id: ApplianceID
    let fingerprint: String
    let tokenDigest: SecretDigest?
    let pairingKeyDigest: SecretDigest?
    /// Easel's own: a PKCS#10 request in PEM, for a certificate of the machine's own key.
    let certificateRequest: String?

    package init(from fields: Fields) {
        document = DeviceInput(from: fields)
        let host = document.spec?.host
        let hostUID = host?.hostUID ?? ""
        let uid = hostUID.isEmpty ? document.metadata?.uid ?? "" : hostUID
        if let named = document.metadata?.uid, !named.isEmpty, named != uid {
            fields.fault(
                "metadata",
                "Contradiction",
                "'metadata.uid' and 'spec.host.hostUid' differ."
            )
        }
        if let fault = ApplianceID.fault(in: uid) {
            fields.fault("metadata", fault.code, fault.message)
        }
        // Only after the check above is this an ID that a row can have.
        id = ApplianceID(stored: uid)
        let checksum = host?.checksum ?? ""
        fingerprint = checksum.isEmpty ? host?.macAddress ?? "" : checksum
        tokenDigest = Self.digest(host?.authToken)
        pairingKeyDigest = Self.digest(host?.pairingKey)
        certificateRequest = fields.optionalText(
            "certificateRequest",
            bytesMax: CertificateRequest.bytesMax
        )
    }

    private static func digest(_ secret: String?) -> SecretDigest? {
        guard let secret, !secret.isEmpty else { return nil }
        return SecretDigest(presented: secret)
    }

    /// The claim that this body makes, its token looked up.
    func claim(token: Result<AdmittingToken, TokenRefusal>?) -> PairingClaim {
        PairingClaim(
            id: id,
            fingerprint: fingerprint,
            pairingKeyDigest: pairingKeyDigest?.digest,
            token: token,
            mayBeRegistered: !(document.spec?.host?.disableAutoRegister ?? false)
        )
    }
}
