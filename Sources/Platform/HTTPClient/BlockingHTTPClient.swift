import EventLoop
import Glibc
import Synchronization
import TLS

extension HTTPClient {
    /// A client for programs without a loop, such as the command line: it runs a loop thread of
    /// its own, and each request blocks its caller.
    package static func blocking(
        options: HTTPClientOptions = HTTPClientOptions()
    ) throws -> BlockingHTTPClient {
        try BlockingHTTPClient(options: options)
    }
}

/// A client whose requests block; not for use on a loop or in a task.
package final class BlockingHTTPClient: Sendable {
    private let loops: LoopGroup
    private let workers: WorkerPool
    private let client: HTTPClient

    fileprivate init(options: HTTPClientOptions) throws {
        loops = try LoopGroup(count: 1)
        workers = try WorkerPool(threads: 1)
        client = try HTTPClient(loop: loops.loops[0], workers: workers, options: options)
    }

    deinit {
        client.shutDown()
        loops.shutdown()
        workers.shutdown()
    }

    /// Sends a request and waits for its answer; see `HTTPClient.send`.
    package func send(_ request: ClientRequest) throws(HTTPClientError) -> ClientResponse {
        let answer = Answer()
        let client = self.client
        Task(executorPreference: loops.loops[0].executor) {
            do throws(HTTPClientError) {
                answer.give(.success(try await client.send(request)))
            } catch {
                answer.give(.failure(error))
            }
        }
        return try answer.wait().get()
    }
}

/// A result that one thread gives and another waits for.
private final class Answer: Sendable {
    private let result = Mutex<Result<ClientResponse, HTTPClientError>?>(nil)
    private let semaphore = Semaphore()

    func give(_ result: Result<ClientResponse, HTTPClientError>) {
        self.result.withLock { $0 = result }
        semaphore.signal()
    }

    func wait() -> Result<ClientResponse, HTTPClientError> {
        semaphore.wait()
        return result.withLock { $0 } ?? .failure(.cancelled)
    }
}

private final class Semaphore: @unchecked Sendable {
    // Unchecked: the kernel's semaphore is made to be shared; its memory must not move.
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }
}
