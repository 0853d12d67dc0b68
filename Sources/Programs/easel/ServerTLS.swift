import Crypto
import Glibc
import HTTPServer
import Identity
import Logging
import Primitives
import Storage
import Synchronization
import TLS

/// The server's certificates and session tickets, as the flags ask for them.
final class ServerTLS: Sendable {
    /// How the certificates stand, for the metrics.
    struct Standing {
        var ends: [(path: String, notAfter: Timestamp)] = []
        var reloads = 0
        var failedReloads = 0
    }

    /// Signs the certificates of appliances; `nil` where no address asks for any.
    let clientAuthority: ClientAuthority?
    private let options: Options
    private let ticketKeys: TLSTicketKeys
    private let logger: Logger
    private let state = Mutex(Standing())

    /// What the flags say.
    private struct Options {
        let files: [(certificate: String, key: String)]
        let selfSigned: (folder: String, hosts: [String])?
        let clientAuthorityPath: String?
    }

    init(
        _ options: ServeOptions,
        _ directory: DataDirectory,
        _ database: Database,
        _ sealingKey: SealingKey,
        _ logger: Logger
    ) throws {
        self.options = Options(
            files: zip(options.tlsCert, options.tlsKey).map { ($0, $1) },
            selfSigned: options.tlsSelfSigned
                ? (directory.tls, try Self.hosts(options)) : nil,
            clientAuthorityPath: options.tlsClientCa
        )
        self.logger = logger
        let asksClients = try options.endpoints().contains { $0.clientCertificates != .none }
        if options.tlsSelfSigned || asksClients { mkdir(directory.tls, 0o700) }
        clientAuthority =
            asksClients ? try ClientAuthority(folder: directory.tls, at: .now()) : nil
        ticketKeys = TLSTicketKeys(
            secret: try ServerSecretStore.key(.tlsTickets, in: database, sealedUnder: sealingKey)
        )
    }

    var standing: Standing { state.withLock { $0 } }

    /// PEM of the private authority when the certificate is made by `--tls-self-signed`.
    func authority() throws -> String? {
        try prepared().map { String(decoding: $0.authorityPEM, as: UTF8.self) }
    }

    /// Reads the files and makes what is to be made; `nil` when the server speaks plain HTTP only.
    func load() throws -> TLSServerContext? {
        var certificates: [TLSServerCertificate] = []
        if let made = try prepared() {
            certificates.append(
                try TLSServerCertificate(certificatePath: made.chainPath, keyPath: made.keyPath)
            )
        }
        for (certificate, key) in options.files {
            certificates.append(
                try TLSServerCertificate(certificatePath: certificate, keyPath: key)
            )
        }
        guard !certificates.isEmpty else { return nil }
        let context = try TLSServerContext(
            certificates: certificates,
            protocols: ["h2", "http/1.1"],
            ticketKeys: ticketKeys,
            clientAuthoritiesPEM: try clientAuthorities()
        )
        for warning in context.warnings { logger.warning("\(warning)") }
        state.withLock { $0.ends = context.certificateEnds }
        return context
    }

    /// Reads the files again, for connections to come; `nil` when that cannot be done, and what is
    /// in use stays.
    func reload() -> TLSServerContext? {
        do {
            guard let context = try load() else { return nil }
            state.withLock { $0.reloads += 1 }
            let ends = context.certificateEnds.map { "\($0.path) until \($0.notAfter)" }
            logger.info(
                "certificates were read again",
                metadata: ["certificates": "\(ends.joined(separator: ", "))"]
            )
            return context
        } catch {
            state.withLock { $0.failedReloads += 1 }
            logger.error(
                "certificates could not be read again; those in use stay",
                metadata: ["error": "\(error)"]
            )
            return nil
        }
    }

    private func prepared() throws -> ServerCertificateFiles? {
        guard let (folder, hosts) = options.selfSigned else { return nil }
        return try ServerCertificateFiles.prepare(
            folder: folder,
            authorityName: "Easel private authority",
            hosts: hosts,
            at: Timestamp.now()
        )
    }

    /// Whose certificates clients may show: the server's own authority and that of the flag.
    private func clientAuthorities() throws -> [UInt8] {
        guard let clientAuthority else { return [] }
        guard let path = options.clientAuthorityPath else {
            return clientAuthority.certificatePEM
        }
        guard let given = try SecretFile.read(path, .everybody) else {
            throw SecretFileError(path: path, problem: "does not exist")
        }
        do { _ = try Certificate.readAll(pem: given) } catch {
            throw TLSConfigurationError.certificate(path: path, error)
        }
        return clientAuthority.certificatePEM + given
    }

    /// The names that the made certificate is for: those given, those listened on, this machine.
    private static func hosts(_ options: ServeOptions) throws -> [String] {
        var hosts = options.tlsHost + ["localhost", "127.0.0.1", "::1", Machine.hostName]
        hosts += try options.endpoints().map(\.host)
        if let url = options.publicURL {
            let rest = url.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first
            hosts.append(String(rest?.prefix { $0 != ":" } ?? ""))
        }
        var seen: Set<String> = ["", "0.0.0.0", "::"]
        return hosts.filter { HostText.kind($0) != nil && seen.insert($0).inserted }
    }
}

/// Facts about the machine.
enum Machine {
    static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        let text = String(
            decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        return HostText.kind(text) == nil ? "localhost" : text
    }
}
