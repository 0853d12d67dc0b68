import EventLoop
import Glibc
import TLS

/// What handshakes cost a server, and what its idle TLS connections hold.
struct TLSMeasurement {
    /// Processor time of the server for one handshake, in microseconds: the middle of the rounds.
    struct Handshakes {
        let title: String
        let easel: Double
        let nginx: Double
    }

    /// Memory of the server for one idle connection, in bytes.
    struct Idle {
        let count: Int
        let easel: Int
        let nginx: Int
    }

    let handshakes: [Handshakes]
    let idle: Idle?

    /// What is measured, how often.
    struct Effort {
        var handshakes: Int
        var connections: Int
        var rounds: Int
    }

    static func run(
        _ wanted: [String],
        _ effort: Effort,
        _ server: EaselServer,
        beside nginx: NginxPeer
    ) throws -> TLSMeasurement {
        guard let port = nginx.ports.first?.tls else { throw BenchError("nginx has no port") }
        let easel = Side(
            target: server.target(.tls),
            processorSeconds: server.processorSeconds,
            memory: server.memory
        )
        let peer = Side(
            target: LoadTarget(port: port, tls: server.tls),
            processorSeconds: nginx.processorSeconds,
            memory: nginx.memory
        )
        var handshakes: [Handshakes] = []
        for (name, title, resumes) in [
            ("handshake-full", "full handshake", false),
            ("handshake-resumed", "resumed handshake", true),
        ] where wanted.contains(name) {
            var figures: (easel: [Double], nginx: [Double]) = ([], [])
            for _ in 0..<effort.rounds {
                figures.easel.append(try easel.handshake(effort.handshakes, resumes: resumes))
                figures.nginx.append(try peer.handshake(effort.handshakes, resumes: resumes))
            }
            handshakes.append(
                Handshakes(
                    title: title,
                    easel: middle(figures.easel),
                    nginx: middle(figures.nginx)
                )
            )
        }
        let idle =
            wanted.contains("tls-idle")
            ? Idle(
                count: effort.connections,
                easel: try easel.idle(effort.connections),
                nginx: try peer.idle(effort.connections)
            ) : nil
        return TLSMeasurement(handshakes: handshakes, idle: idle)
    }

    private static func middle(_ values: [Double]) -> Double {
        values.sorted()[values.count / 2]
    }
}

/// A server under measurement.
private struct Side {
    let target: LoadTarget
    let processorSeconds: () throws -> Double
    let memory: () throws -> ProcessFigures.Memory

    /// Shakes hands again and again, one connection after the other.
    ///
    /// - Returns: the server's processor time for one, accepting and closing included, in
    ///   microseconds.
    func handshake(_ count: Int, resumes: Bool) throws -> Double {
        var resumption = resumes ? try shakeHands(nil) : nil
        let before = try processorSeconds()
        for _ in 0..<count {
            if Interrupt.isRaised { throw BenchError("interrupted") }
            let next = try shakeHands(resumption)
            if resumes { resumption = next }
        }
        return (try processorSeconds() - before) * 1e6 / Double(count)
    }

    private func shakeHands(_ resumption: TLSResumption?) throws -> TLSResumption {
        let connection = try LoadConnection(number: 0, to: target, resuming: resumption)
        guard connection.isResumed == (resumption != nil) else {
            throw BenchError("the server does not resume")
        }
        return try connection.awaitTicket()
    }

    /// Opens connections, asks once on each, and leaves them alone.
    ///
    /// - Returns: what the server's resident memory has grown by for each, in bytes.
    func idle(_ count: Int) throws -> Int {
        // What the first connections allocate once is not theirs.
        try ask(try open(16))
        sleep(1)
        let before = try memory().resident
        let connections = try open(count)
        try ask(connections)
        sleep(2)
        let after = try memory().resident
        withExtendedLifetime(connections) {}
        return (after - before) / count
    }

    private func open(_ count: Int) throws -> [LoadConnection] {
        try (0..<count).map { try LoadConnection(number: $0, to: target) }
    }

    private func ask(_ connections: [LoadConnection]) throws {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { scratch.deallocate() }
        for connection in connections {
            try connection.send(at: 0) { _, _, bytes in
                bytes += "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8
            }
            while try connection.receive(scratch) == nil {
                if Interrupt.isRaised { throw BenchError("interrupted") }
                usleep(50)
            }
        }
    }
}
