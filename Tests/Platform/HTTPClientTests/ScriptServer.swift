import CSystem
import Crypto
import EventLoop
import Glibc
import Primitives
import Synchronization
import TLS

/// A server that does to each connection what the script says, on a thread of its own.
final class ScriptServer: Sendable {
    enum Step: Sendable {
        /// Waits for a whole request.
        case read
        /// Sends this text.
        case send(String)
        /// Sends this text byte by byte.
        case trickle(String)
        /// Waits until the client closes.
        case waitForClose
        /// Closes with a TLS close where there is one.
        case close
        /// Closes without a TLS close.
        case cut
    }

    let port: UInt16
    private let listener: Int32
    private let context: TLSServerContext?
    private let seen = Mutex<[String]>([])
    private let connections = Mutex(0)
    private let resumed = Mutex(0)
    private let thread = Mutex<pthread_t?>(nil)

    /// The requests so far, heads and bodies.
    var requests: [String] { seen.withLock { $0 } }
    var connectionCount: Int { connections.withLock { $0 } }
    /// How many requests came over resumed TLS sessions.
    var resumedCount: Int { resumed.withLock { $0 } }

    init(tls: TLSServerContext? = nil, _ script: [[Step]]) throws {
        context = tls
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        listen(listener, 16)
        port = try SocketAddress.ofSocket(listener).port
        self.listener = listener
        let box = Box { [self] in
            for steps in script {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                connections.withLock { $0 += 1 }
                serve(client, steps)
                close(client)
            }
        }
        var started = pthread_t()
        pthread_create(
            &started,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            Unmanaged.passRetained(box).toOpaque()
        )
        thread.withLock { $0 = started }
    }

    private final class Box {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    /// Ends the script and waits for its thread.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        if let thread = thread.withLock({ $0 }) { pthread_join(thread, nil) }
        close(listener)
    }

    private func serve(_ client: Int32, _ steps: [Step]) {
        let session = context.flatMap { try? $0.makeSession() }
        var received: [UInt8] = []
        for step in steps {
            switch step {
            case .read:
                while !takeRequest(&received) {
                    guard receive(client, session, &received) else { return }
                }
                if session?.isResumed == true { resumed.withLock { $0 += 1 } }
            case .send(let text):
                send(client, session, Array(text.utf8))
            case .trickle(let text):
                for byte in text.utf8 { send(client, session, [byte]) }
            case .waitForClose:
                while receive(client, session, &received) {}
            case .close:
                session?.shutdown()
                flush(client, session)
                return
            case .cut:
                return
            }
        }
        while receive(client, session, &received) {}
    }

    private func takeRequest(_ received: inout [UInt8]) -> Bool {
        let text = String(decoding: received, as: UTF8.self)
        guard
            let end = received.indices.first(where: {
                received[$0...].starts(with: [13, 10, 13, 10])
            })
        else { return false }
        var total = end + 4
        for line in text.split(separator: "\r\n") where line.hasPrefix("Content-Length: ") {
            total += Int(line.dropFirst(16)) ?? 0
        }
        guard received.count >= total else { return false }
        seen.withLock { $0.append(String(decoding: received[..<total], as: UTF8.self)) }
        received.removeFirst(total)
        return true
    }

    private func receive(
        _ client: Int32,
        _ session: TLSSession?,
        _ received: inout [UInt8]
    ) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(client, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        guard let session else {
            received += chunk[..<count]
            return true
        }
        session.receive(Array(chunk[..<count]))
        do {
            while true {
                switch try session.readPlaintext(into: &received, max: 65536) {
                case .bytes: continue
                case .wouldBlock:
                    flush(client, session)
                    return true
                case .closed:
                    return false
                }
            }
        } catch {
            flush(client, session)
            return false
        }
    }

    private func send(_ client: Int32, _ session: TLSSession?, _ bytes: [UInt8]) {
        if let session {
            try? session.write(bytes)
            flush(client, session)
        } else {
            sendAll(client, bytes)
        }
    }

    private func flush(_ client: Int32, _ session: TLSSession?) {
        guard let session else { return }
        var output: [UInt8] = []
        session.drainOutput(into: &output)
        sendAll(client, output)
    }

    private func sendAll(_ client: Int32, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

/// Files of a test server, in a folder of its own.
final class TestCertificate: Sendable {
    let folder: String
    let authorityPEM: [UInt8]
    let context: TLSServerContext

    init(hosts: [String] = ["127.0.0.1", "localhost"]) throws {
        folder = "/tmp/easel-client-\(Hex.encode(RandomBytes.make(8)))"
        mkdir(folder, 0o700)
        let files = try ServerCertificateFiles.prepare(
            folder: folder,
            authorityName: "Easel test",
            hosts: hosts,
            at: .now()
        )
        authorityPEM = files.authorityPEM
        context = try TLSServerContext(certificates: [
            TLSServerCertificate(certificatePath: files.chainPath, keyPath: files.keyPath)
        ])
    }

    deinit {
        for name in ["ca.pem", "ca.key", "server.pem", "server.key"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }
}
