import ArgumentParser
import EventLoop
import HTTPServer
import Storage
import Telemetry

/// The flags of `easel serve`.
struct ServeOptions: ParsableArguments {
    @Option(help: "The data directory; made when it is missing.")
    var data: String

    @Option(help: "Address for plain HTTP, HOST:PORT; may be repeated. Port 0 means any.")
    var listen: [String] = []

    @Option(help: "Address for HTTPS, HOST:PORT; may be repeated. Port 0 means any.")
    var tlsListen: [String] = []

    @Option(
        help:
            "PEM file with a certificate and its chain; may be repeated, the first is the default."
    )
    var tlsCert: [String] = []

    @Option(help: "PEM file with a certificate's private key, one for each --tls-cert, in order.")
    var tlsKey: [String] = []

    @Flag(help: "Make a private authority and a certificate in the data directory.")
    var tlsSelfSigned = false

    @Option(help: "Name or address that the made certificate is for; may be repeated.")
    var tlsHost: [String] = []

    @Option(
        help:
            "Client certificates: none, optional or required; one for each --tls-listen, or for all."
    )
    var tlsClientAuth: [ServerConfiguration.ClientCertificates] = []

    @Option(help: "PEM file with a further authority whose client certificates are let in.")
    var tlsClientCa: String?

    @Option(help: "Address under which sites reach this server, such as https://easel.example.")
    var publicURL: String?

    @Option(help: "File for the first start's sign-in; without it the terminal.")
    var bootstrapOutput: String?

    @Option(help: "Log format: json or text. Default: text on a terminal, else json.")
    var logFormat: LogFormat?

    @Option(help: "The least serious log level that is written.")
    var logLevel: LogLevel = .info

    @Flag(
        help: "Listen at once beside a server that is to stop, and wait for its data directory."
    )
    var takeOver = false

    @Flag(help: "Write a log line for every request.")
    var accessLog = false

    @Option(help: "Milliseconds after which a request is logged as slow; 0 means never.")
    var slowRequest = 1000

    @Option(help: "Event loops; 0 means one per core.")
    var loops = 0

    @Option(help: "When a write counts as done: full (on the disk) or normal (with the kernel).")
    var synchronous: DatabaseOptions.Synchronous = .full

    @Option(help: "Revisions of a profile that are kept beside the published one.")
    var revisionsKept = 200

    @Option(help: "Folder of this machine that pack registries may lie in; may be repeated.")
    var registryFolder: [String] = []

    @Option(help: "Hours between two runs of a registry's synchronisation; 0 for none.")
    var registrySyncHours = 24

    @OptionGroup var limits: LimitOptions

    @OptionGroup var outbound: OutboundOptions

    /// The endpoints to listen on; plain HTTP on 127.0.0.1:8080 when nothing is given.
    func endpoints() throws -> [ServerConfiguration.Endpoint] {
        var endpoints = try listen.map { try ListenAddress($0).endpoint(isSecure: false) }
        for (index, address) in tlsListen.enumerated() {
            var endpoint = try ListenAddress(address).endpoint(isSecure: true)
            let own = tlsClientAuth.count == 1 ? 0 : index
            if tlsClientAuth.indices.contains(own) {
                endpoint.clientCertificates = tlsClientAuth[own]
            }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    /// How many event loops run.
    var loopCount: Int { loops > 0 ? loops : Machine.coreCount }

    /// Opens what is to be listened on: the sockets that were handed over, the addresses given,
    /// and 127.0.0.1:8080 without either.
    func listeningSockets() throws -> ListeningSockets {
        var sockets = try ListeningSockets(
            inherited: HandedSockets.take(clientCertificates: tlsClientAuth.first ?? .none),
            loops: loopCount
        )
        var endpoints = try endpoints()
        if endpoints.isEmpty, sockets.addresses.isEmpty {
            endpoints = [.init(host: "127.0.0.1", port: 8080, isSecure: false)]
        }
        if sockets.hasSecure, !tlsSelfSigned, tlsCert.isEmpty {
            throw Refusal(
                "A socket named https was handed over, which needs a certificate: --tls-cert and "
                    + "--tls-key, or --tls-self-signed."
            )
        }
        sockets.add(
            try ListeningSockets(
                ServerConfiguration(endpoints: endpoints),
                loops: loopCount,
                besidesAnother: takeOver
            )
        )
        return sockets
    }

    func validate() throws {
        guard (0...256).contains(loops) else {
            throw ValidationError("--loops must be from 0 to 256.")
        }
        guard (0...3_600_000).contains(slowRequest) else {
            throw ValidationError("--slow-request must be from 0 to 3600000.")
        }
        guard (1...1_000_000).contains(revisionsKept) else {
            throw ValidationError("--revisions-kept must be from 1 to 1000000.")
        }
        guard (0...8_760).contains(registrySyncHours) else {
            throw ValidationError("--registry-sync-hours must be from 0 to 8760.")
        }
        guard tlsCert.count == tlsKey.count else {
            throw ValidationError("--tls-cert and --tls-key belong together; give as many of each.")
        }
        if tlsSelfSigned, !tlsCert.isEmpty {
            throw ValidationError("Give either --tls-self-signed or --tls-cert and --tls-key.")
        }
        guard [0, 1, tlsListen.count].contains(tlsClientAuth.count) else {
            throw ValidationError("Give --tls-client-auth once, or once for each --tls-listen.")
        }
        if tlsClientCa != nil, !tlsClientAuth.contains(where: { $0 != .none }) {
            throw ValidationError(
                "--tls-client-ca needs --tls-client-auth optional or required."
            )
        }
        if !tlsListen.isEmpty, !tlsSelfSigned, tlsCert.isEmpty {
            throw ValidationError(
                "--tls-listen needs a certificate: --tls-cert and --tls-key, or --tls-self-signed."
            )
        }
        _ = try endpoints()
    }
}

extension LogFormat: ExpressibleByArgument {}
extension ServerConfiguration.ClientCertificates: ExpressibleByArgument {}
extension DatabaseOptions.Synchronous: ExpressibleByArgument {}

/// Log levels by name.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error
}

/// `HOST:PORT`, with brackets around an IPv6 address.
struct ListenAddress {
    let host: String
    let port: UInt16

    init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else {
            throw ValidationError("'\(text)' is no HOST:PORT, such as 127.0.0.1:8080 or [::1]:0.")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "*" { host = "" }
        self.host = host
        self.port = port
    }

    func endpoint(isSecure: Bool) -> ServerConfiguration.Endpoint {
        .init(host: host, port: port, isSecure: isSecure)
    }
}
