import EventLoop
import Glibc
import JSON
import Testing
import TestSupport

@Suite("SIGTERM with parked polls", .serialized)
struct DrainTests {
    private static let count = 500

    @Test(.timeLimit(.minutes(2)))
    func `every parked poll is answered and the server ends in time`() async throws {
        _ = System.raiseDescriptorLimit()
        let server = try await EaselProcess.start(flags: ["--listen", "127.0.0.1:0"])
        let api = try server.api(isSecure: false)
        let token = try await api.makeToken(project: server.signIn().projectUID)
        let fleet = try await withThrowingTaskGroup(of: PairedAppliance.self) { group in
            for number in 0..<Self.count {
                group.addTask { try await api.pair("parked-\(number)", token: token) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let port = server.plainPort
        let sockets = try await Threads.run { try fleet.map { try Self.park($0, port) } }
        try await Wait.until("the server has read every poll") {
            try Self.unreadBytes(port: port) == 0
        }
        let clock = ContinuousClock()
        let start = clock.now
        server.process.send(SIGTERM)
        let answers = try await Threads.run { try sockets.map { try $0.receiveAnswer() } }
        #expect(try await server.process.ended() == .exit(0))
        #expect(clock.now - start < .seconds(10))
        let statuses = Dictionary(grouping: answers, by: \.status).mapValues(\.count)
        #expect(statuses == [204: Self.count])
        // Nobody is told the same moment as all others.
        let pauses = answers.compactMap { answer in
            answer.head.lowercased().split(separator: "\r\n")
                .first { $0.hasPrefix("retry-after:") }
                .flatMap { Int($0.dropFirst(12).trimmingPrefix(" ")) }
        }
        #expect(pauses.count == Self.count)
        #expect(pauses.allSatisfy { (1...30).contains($0) })
        #expect(Set(pauses).count >= 20)
        #expect(server.log.contains { $0.message == "stopped" })
    }

    /// Polls once for the number, and then waits for a newer one.
    private static func park(_ appliance: PairedAppliance, _ port: UInt16) throws -> RawSocket {
        let socket = try RawSocket(port: port, receiveSeconds: 30)
        let credential = "Authorization: Bearer \(appliance.credential)"
        let path = "/v1/edgehosts/\(appliance.uid)/desired"
        try socket.send(requestText("GET", path, fields: [credential]))
        let answer = try socket.receiveAnswer()
        guard answer.status == 200,
            let tag = answer.head.split(separator: "\r\n")
                .first(where: { $0.lowercased().hasPrefix("etag: ") })?.dropFirst(6)
        else { throw RawSocket.Failed(description: answer.head) }
        try socket.send(
            requestText("GET", path + "?wait=100", fields: [credential, "If-None-Match: \(tag)"])
        )
        return socket
    }

    /// What lies unread in the server's sockets.
    private static func unreadBytes(port: UInt16) throws -> Int {
        let wanted = ":" + String(port, radix: 16, uppercase: true)
        let table = try TestFiles.text("/proc/net/tcp")
        return table.split(separator: "\n").dropFirst().reduce(0) { sum, line in
            let columns = line.split(separator: " ")
            guard columns.count > 4, columns[1].hasSuffix(wanted) else { return sum }
            return sum + (Int(columns[4].split(separator: ":").last ?? "", radix: 16) ?? 0)
        }
    }
}
