import Primitives

/// The files of a server that makes its own certificates, in one folder: `ca.pem`, `ca.key`,
/// `server.pem` (leaf and authority) and `server.key`; keys have mode 0600.
package struct ServerCertificateFiles {
    /// A leaf that has fewer days left is made again.
    package static let renewalDays = 30
    /// How long a leaf counts; short of the 398 days that some clients demand.
    package static let leafDays = 397

    /// The authority's certificate: what clients are told to trust.
    package let authorityPath: String
    /// The server's certificate and the authority's.
    package let chainPath: String
    /// The server's private key.
    package let keyPath: String
    /// The authority's certificate in PEM.
    package let authorityPEM: [UInt8]
    /// The authority's fingerprint, which an operator can compare on another way.
    package let authorityFingerprint: Digest
    /// When the server's certificate ends.
    package let leafNotAfter: Timestamp

    /// Uses the files that are there and makes those that are not.
    ///
    /// The leaf is made again when it ends within `renewalDays`, does not cover one of the hosts,
    /// or was signed by another authority. The authority is never replaced: clients trust it.
    ///
    /// - Throws: with the file's name when one of them cannot be used.
    package static func prepare(
        folder: String,
        authorityName: String,
        hosts: [String],
        at now: Timestamp
    ) throws(CertificateError) -> ServerCertificateFiles {
        let paths = (
            authority: "\(folder)/ca.pem", authorityKey: "\(folder)/ca.key",
            chain: "\(folder)/server.pem", key: "\(folder)/server.key"
        )
        let authority = try authority(
            paths.authority,
            paths.authorityKey,
            name: authorityName,
            at: now
        )
        var leaf = try usableLeaf(paths.chain, paths.key, authority, hosts, at: now)
        if leaf == nil {
            let issued = try authority.issue(hosts: hosts, days: leafDays, at: now)
            try write(issued.keyPEM, to: paths.key, .owner)
            try write(issued.chainPEM, to: paths.chain, .everybody)
            leaf = try Certificate(pem: issued.chainPEM)
        }
        return ServerCertificateFiles(
            authorityPath: paths.authority,
            chainPath: paths.chain,
            keyPath: paths.key,
            authorityPEM: authority.certificatePEM,
            authorityFingerprint: authority.certificate.fingerprint,
            leafNotAfter: leaf?.notAfter ?? now
        )
    }

    /// Reads an authority's two files, or makes them when there are none.
    static func authority(
        _ path: String,
        _ keyPath: String,
        name: String,
        at now: Timestamp
    ) throws(CertificateError) -> CertificateAuthority {
        let certificate = try read(path, .everybody)
        let key = try read(keyPath, .owner)
        switch (certificate, key) {
        case (let certificate?, let key?):
            return try CertificateAuthority.read(certificatePEM: certificate, keyPEM: key)
        case (nil, nil):
            let made = try CertificateAuthority.make(commonName: name, at: now)
            try write(try made.keyPEM(), to: keyPath, .owner)
            try write(made.certificatePEM, to: path, .everybody)
            return made
        case (nil, _?):
            throw .file(
                SecretFileError(path: path, problem: "is missing beside its key; restore it")
            )
        case (_?, nil):
            throw .file(
                SecretFileError(path: keyPath, problem: "is missing; restore it from backup")
            )
        }
    }

    /// Nil when the leaf is missing or has to be made again.
    private static func usableLeaf(
        _ path: String,
        _ keyPath: String,
        _ authority: CertificateAuthority,
        _ hosts: [String],
        at now: Timestamp
    ) throws(CertificateError) -> Certificate? {
        guard let pem = try read(path, .everybody), let keyPEM = try read(keyPath, .owner),
            let leaf = try? Certificate(pem: pem), let key = try? PrivateKey(pem: keyPEM),
            leaf.matches(key), leaf.isSigned(by: authority.certificate),
            now.adding(seconds: Int64(renewalDays) * 86400) < leaf.notAfter,
            hosts.allSatisfy(leaf.covers)
        else { return nil }
        return leaf
    }

    private static func read(
        _ path: String,
        _ access: SecretFile.Access
    ) throws(CertificateError) -> [UInt8]? {
        do { return try SecretFile.read(path, access) } catch { throw .file(error) }
    }

    private static func write(
        _ content: [UInt8],
        to path: String,
        _ access: SecretFile.Access
    ) throws(CertificateError) {
        do {
            try SecretFile.write(content, to: path, access, replacing: true)
        } catch { throw .file(error) }
    }
}
