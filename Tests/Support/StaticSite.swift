import Crypto
import EventLoop
import HTTPClient
import HTTPCore
import HTTPServer
import JSON
import Primitives
import Synchronization
import TLS

/// A static file server on 127.0.0.1 as a registry may be one: entity tags, and basic auth if
/// wanted, under a certificate of a private authority if wanted; with a client that may reach it.
package final class StaticSite: Sendable {
    private final class Shelf: Responder {
        struct State {
            var files: [String: [UInt8]]
            var requests: [String] = []
        }

        let state: Mutex<State>
        let authorization: String?

        init(_ files: [String: [UInt8]], _ authorization: String?) {
            state = Mutex(State(files: files))
            self.authorization = authorization
        }

        func admit(_ request: Request) -> Admission { .accept(bodyBytesMax: 0) }

        func respond(to request: Request) async -> Response {
            let path = String(request.text(request.path).dropFirst())
            guard authorization == nil || request.text(of: "authorization") == authorization else {
                return Response(status: 401, body: Array("the upstream's own words".utf8))
            }
            let bytes = state.withLock { state in
                state.requests.append(path)
                return state.files[path]
            }
            guard let bytes else {
                return Response(status: 404, body: Array("the upstream's own words".utf8))
            }
            let etag = Array("\"\(bytes.count)-\(bytes.hashValue)\"".utf8)
            if request.text(of: "if-none-match") == String(decoding: etag, as: UTF8.self) {
                return Response(status: 304, etag: etag)
            }
            return Response(status: 200, contentType: .octetStream, etag: etag, body: bytes)
        }
    }

    /// Where it listens, without a slash at the end.
    package let url: String
    /// May reach 127.0.0.1, and nothing else that is not of the internet.
    package let client: OutboundClient
    /// The PEM text of the authority; empty for a site without TLS.
    package let authority: String
    private let group: LoopGroup
    private let workers: WorkerPool
    private let server: Server
    private let shelf: Shelf

    /// - Parameters:
    ///   - user: the name and password that are asked for.
    ///   - isSecure: whether it speaks HTTPS.
    package init(
        _ files: [String: [UInt8]] = [:],
        user: (name: String, password: String)? = nil,
        isSecure: Bool = false
    ) throws {
        let certificate = isSecure ? try Self.certificate() : nil
        authority = certificate?.authority ?? ""
        shelf = Shelf(files, user.map { OutboundRequest.basic($0.name, $0.password) })
        group = try LoopGroup(count: 1)
        workers = try WorkerPool(threads: 1)
        server = Server(
            configuration: ServerConfiguration(endpoints: [
                .init(host: "127.0.0.1", port: 0, isSecure: isSecure)
            ]),
            loops: group,
            responder: shelf,
            tls: certificate?.context
        )
        url = "\(isSecure ? "https" : "http")://127.0.0.1:\(try server.start().first?.port ?? 0)"
        client = OutboundClient(
            loop: group.loops[0],
            workers: workers,
            policy: OutboundPolicy(allowed: [IPNetwork("127.0.0.1")].compactMap(\.self))
        )
    }

    private static func certificate() throws -> (authority: String, context: TLSServerContext) {
        let files = try ServerCertificateFiles.prepare(
            folder: TemporaryDirectory.make(),
            authorityName: "Easel test",
            hosts: ["127.0.0.1"],
            at: .now()
        )
        let context = try TLSServerContext(certificates: [
            TLSServerCertificate(certificatePath: files.chainPath, keyPath: files.keyPath)
        ])
        return (String(decoding: files.authorityPEM, as: UTF8.self), context)
    }

    /// What was asked for since the last look, refused calls apart.
    package func takeRequests() -> [String] {
        shelf.state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    /// Puts a file in place; nil takes it away.
    package func put(_ path: String, _ bytes: [UInt8]?) {
        shelf.state.withLock { $0.files[path] = bytes }
    }

    /// Ends the server and the client.
    package func stop() async {
        await server.stop(within: .seconds(1))
        group.shutdown()
        workers.shutdown()
    }
}

extension TestAnswer {
    /// Where the faults of a refusal are, in order.
    package var pointers: [String] {
        (json["details"]?["errors"]?.elements ?? []).compactMap { $0["pointer"]?.text }
    }
}
