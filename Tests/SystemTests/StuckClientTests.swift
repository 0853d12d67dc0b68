import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("Clients that get stuck")
struct StuckClientTests {
    @Test(.timeLimit(.minutes(1)))
    func `hold nobody else, and are cut off`() async throws {
        let server = try await EaselProcess.start(flags: [
            "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--tls-self-signed",
            "--loops", "1",
        ])
        let (plain, secure) = (server.plainPort, server.securePort)
        let stuck = try await Threads.run {
            try (0..<200).map { number in
                switch number % 4 {
                case 0: return try RawSocket(port: plain)
                case 1:
                    let socket = try RawSocket(port: plain, receiveSeconds: 25)
                    try socket.send("GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ")
                    return socket
                case 2:
                    let socket = try RawSocket(port: plain)
                    try socket.send(
                        "POST /v1/edgehosts HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{")
                    return socket
                default: return try RawSocket(port: secure)
                }
            }
        }
        let api = try server.api()
        let clock = ContinuousClock()
        let start = clock.now
        for number in 0..<20 { #expect(try await api.register("quick-\(number)").status == 201) }
        #expect(clock.now - start < .seconds(5))
        let slow = stuck[1]
        let answer = try await Threads.run { try slow.receiveToEnd() }
        let text = String(decoding: answer, as: UTF8.self)
        #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 408"), "\(text)")
        #expect(clock.now - start < .seconds(20))
        #expect(try await api.send(.get, "/readyz").status == 200)
        #expect(try await server.stop() == .exit(0))
    }
}
