import Crypto
import Glibc
import HTTPServer
import Identity
import Logging
import Primitives
import Storage
import TLS

/// The server's certificate and session tickets, as the flags ask for them.
struct ServerTLS {
    /// `nil` when the server speaks plain HTTP only.
    let context: TLSServerContext?
    /// PEM of the private authority when the certificate was made by `--tls-self-signed`.
    let authority: String?

    init(
        _ options: ServeOptions,
        _ directory: DataDirectory,
        _ database: Database,
        _ sealingKey: SealingKey,
        _ logger: Logger
    ) throws {
        var certificate = options.tlsCert
        var key = options.tlsKey
        var authority: String?
        if options.tlsSelfSigned {
            mkdir(directory.tls, 0o700)
            let files = try ServerCertificateFiles.prepare(
                folder: directory.tls,
                authorityName: "Easel private authority",
                hosts: try Self.hosts(options),
                at: Timestamp.now()
            )
            certificate = files.chainPath
            key = files.keyPath
            authority = String(decoding: files.authorityPEM, as: UTF8.self)
        }
        self.authority = authority
        guard let certificate, let key else {
            context = nil
            return
        }
        let secret = try ServerSecretStore.key(
            .tlsTickets,
            in: database,
            sealedUnder: sealingKey
        )
        let context = try TLSServerContext(
            certificatePath: certificate,
            keyPath: key,
            ticketKeys: TLSTicketKeys([Self.ticketKey(from: secret)].compactMap { $0 })
        )
        for warning in context.warnings { logger.warning("\(warning)") }
        self.context = context
    }

    /// A ticket key from the server's secret, so that sessions are resumed after a restart.
    private static func ticketKey(from secret: [UInt8]) -> TLSTicketKey? {
        let mac = HMACSHA256(key: secret)
        let bytes = (1...3).flatMap { mac.code(Array("tls ticket \($0)".utf8)).bytes }
        return TLSTicketKey(bytes: Array(bytes.prefix(TLSTicketKey.byteCount)))
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
