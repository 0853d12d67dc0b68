import Glibc
import Primitives
import TLS

/// The real server as its own process on a data directory.
final class EaselServer {
    let plainPort: UInt16
    let tlsPort: UInt16
    /// From the start of the process to the first 200 of `/readyz`, in seconds.
    let startSeconds: Double
    let tls: TLSClientContext
    /// The server's certificate and key, which the peer uses too.
    let chainPath: String
    let keyPath: String
    /// A place for files of the measurement.
    let folder: String
    private let process: ChildProcess

    /// Where the data lie.
    struct Place {
        let folder: String

        var data: String { folder + "/data" }
        var signIn: String { folder + "/sign-in.json" }
    }

    /// Starts the server and waits until it is ready.
    ///
    /// - Parameter program: the path of `easel`.
    init(_ program: String, at place: Place) throws {
        plainPort = try Files.freePort()
        tlsPort = try Files.freePort()
        mkdir(place.data, 0o700)
        let startedAt = MonotonicTime.now()
        process = try ChildProcess(
            [
                program, "serve", "--data", place.data, "--loops", "1",
                "--listen", "127.0.0.1:\(plainPort)", "--tls-listen", "127.0.0.1:\(tlsPort)",
                "--tls-self-signed", "--bootstrap-output", place.signIn, "--log-format", "json",
                // One address and few identities stand for a fleet.
                "--appliance-rate", "0", "--caller-rate", "0", "--connection-rate", "0",
                "--registration-rate", "0",
            ],
            processor: 0,
            outputPath: place.folder + "/server-log"
        )
        try Self.awaitReady(process, plainPort)
        startSeconds = Double(MonotonicTime.now().nanoseconds(since: startedAt)) / 1e9
        folder = place.folder
        chainPath = place.data + "/tls/server.pem"
        keyPath = place.data + "/tls/server.key"
        let authority = try Files.bytes(place.data + "/tls/ca.pem")
        tls = try TLSClientContext(trust: .only(authority))
    }

    private static func awaitReady(_ process: ChildProcess, _ port: UInt16) throws {
        let plan = LoadPlan(
            connections: 1,
            warmUp: 0,
            requests: 1,
            secondsMax: 10,
            expectedStatus: 200
        ) { _, _, bytes in bytes += Array("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8) }
        let target = LoadTarget(port: port, tls: nil)
        for _ in 0..<30_000 {
            if process.hasEnded { break }
            if (try? LoadGenerator(target: target, plan: plan) { 0 }.run()) != nil { return }
            if Interrupt.isRaised { throw BenchError("interrupted") }
            usleep(1000)
        }
        throw BenchError("the server does not become ready: \(process.output)")
    }

    /// Asks it to end and does not wait.
    func askToStop() { process.askToEnd() }

    /// Whether it has ended.
    var hasStopped: Bool { process.hasEnded }

    /// Ends it in order.
    func stop() { process.stop() }

    func processorSeconds() throws -> Double {
        try ProcessFigures.processorSeconds(process.identifier)
    }

    func memory() throws -> ProcessFigures.Memory {
        try ProcessFigures.memory(process.identifier)
    }

    /// Where load goes.
    func target(_ transport: Transport) -> LoadTarget {
        switch transport {
        case .plain: LoadTarget(port: plainPort, tls: nil)
        case .tls: LoadTarget(port: tlsPort, tls: tls)
        }
    }
}

/// With or without TLS.
enum Transport: String, CaseIterable {
    case plain
    case tls = "TLS"
}
