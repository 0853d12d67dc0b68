import EventLoop
import HTTPClient
import HTTPCore
import Synchronization
import TLS

/// The courier over the network.
struct NetworkCourier: Courier {
    private let client: HTTPClient
    private let base: HTTPURL

    /// - Parameter identity: shown to a server that asks for a certificate.
    /// - Throws: `Silence` when the address or the authority cannot be used.
    init(
        to server: ServerAddress,
        as identity: TLSIdentity?,
        loop: Loop,
        workers: WorkerPool
    ) throws {
        guard let base = HTTPURL(server.url) else {
            throw Silence(reason: "\(server.url) is no address of a server.")
        }
        self.base = base
        var options = HTTPClientOptions()
        options.userAgent = "easel-agent/\(AgentRelease.version)"
        options.bodyBytesMax = BlobStore.partBytesMax
        options.identity = identity
        options.trust =
            server.authority.map { pem in
                TLSTrust(usesSystemRoots: server.trustsPublic, certificatesPEM: Array(pem.utf8))
            } ?? .system
        do {
            client = try HTTPClient(loop: loop, workers: workers, options: options)
        } catch {
            throw Silence(
                reason:
                    "The authority in the archive, or the own certificate, cannot be used: \(error)"
            )
        }
    }

    func send(_ request: CourierRequest) async throws -> CourierAnswer {
        guard let url = base.with(target: request.target) else {
            throw Silence(reason: "\(request.target) cannot be asked for.")
        }
        let begun = CutOff()
        var asked = ClientRequest(
            request.method,
            url,
            fields: request.fields,
            body: request.body,
            deadline: request.deadline
        )
        asked.onCutOff = { answer in
            let coding = answer.fields.first { $0.name == "content-encoding" }?.value
            begun.set(
                Silence.Begun(
                    status: answer.status,
                    body: answer.body,
                    isGzipped: coding == "gzip"
                )
            )
        }
        do {
            let answer = try await client.send(asked)
            return CourierAnswer(
                status: answer.status,
                fields: answer.fields,
                body: answer.body
            )
        } catch .cancelled, .shutDown {
            throw CancellationError()
        } catch {
            throw Silence(reason: error.description, begun: begun.value)
        }
    }
}

/// The beginning of an answer, noted on the client's loop and read by the task that asked.
private final class CutOff: Sendable {
    private let begun = Mutex<Silence.Begun?>(nil)

    var value: Silence.Begun? { begun.withLock { $0 } }

    func set(_ value: Silence.Begun) { begun.withLock { $0 = value } }
}
