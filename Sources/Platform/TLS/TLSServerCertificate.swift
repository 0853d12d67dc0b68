import COpenSSL
import Crypto
import Primitives

/// A server's certificate with its chain and its private key, read from two PEM files.
package struct TLSServerCertificate {
    /// The file of the chain, by which logs and metrics name the certificate.
    package let path: String
    /// When the certificate ends.
    package let notAfter: Timestamp
    /// What an operator should know, each a sentence: an expired certificate, a readable key.
    package let warnings: [String]

    let chain: [Certificate]
    let leaf: Certificate
    let key: PrivateKey

    /// Reads the certificate chain (leaf first) and its key.
    ///
    /// - Parameter now: the time against which the certificate's end is told.
    /// - Throws: with the file's name, also when the key does not belong to the certificate.
    package init(
        certificatePath: String,
        keyPath: String,
        at now: Timestamp = .now()
    ) throws(TLSConfigurationError) {
        var warnings: [String] = []
        let chainPEM = try TLSServerCertificate.read(certificatePath, .everybody)
        var keyPEM: [UInt8]
        do {
            keyPEM = try TLSServerCertificate.read(keyPath, .owner)
        } catch {
            // Operators keep keys under groups of their own; that is theirs to decide.
            keyPEM = try TLSServerCertificate.read(keyPath, .everybody)
            warnings.append("\(error)")
        }
        do { chain = try Certificate.readAll(pem: chainPEM) } catch {
            throw .certificate(path: certificatePath, error)
        }
        do { key = try PrivateKey(pem: keyPEM) } catch {
            throw .certificate(path: keyPath, error)
        }
        guard let leaf = chain.first, leaf.matches(key) else {
            throw .certificate(path: keyPath, .keyMismatch)
        }
        if leaf.notAfter < now {
            warnings.append("\(certificatePath): the certificate expired at \(leaf.notAfter)")
        } else if now < leaf.notBefore {
            warnings.append("\(certificatePath): the certificate counts from \(leaf.notBefore) on")
        }
        self.leaf = leaf
        self.warnings = warnings
        path = certificatePath
        notAfter = leaf.notAfter
    }

    private static func read(
        _ path: String,
        _ access: SecretFile.Access
    ) throws(TLSConfigurationError) -> [UInt8] {
        do {
            if let content = try SecretFile.read(path, access) { return content }
        } catch { throw .file(error) }
        throw .file(SecretFileError(path: path, problem: "does not exist"))
    }

    /// Which of the certificates serve a host name: in order, the first of each kind of key, among
    /// which OpenSSL chooses by what the client can verify.
    static func indices(of certificates: [TLSServerCertificate], for name: String) -> [Int] {
        var kinds: Set<Int32> = []
        return certificates.indices.filter { index in
            let certificate = certificates[index]
            return (certificate.leaf.hostNames.contains(name) || certificate.leaf.covers(name))
                && kinds.insert(certificate.key.kind).inserted
        }
    }
}
