import AgentContract
import Synchronization
import Testing

@testable import easel_agent

@Suite("An agent that has to wait")
struct PausedTests {
    @Test func `asks again until an operator has approved the machine`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock {
            $0.pendingPairings = 3
            $0.profiles = [bench.first]
        }
        #expect(await bench.run(server))
        server.inside.withLock { #expect($0.pairings == 1) }
        #expect(bench.time.said("an operator has to approve this machine", "Next attempt in"))
        bench.time.inside.withLock { #expect((120_000...130_000).contains($0.slept)) }
    }

    @Test func `goes on with the poll after a resume`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { server, count in
            server.inside.withLock { inside in
                if count == 1 { (inside.isBehind, inside.holdsPaused) = (true, true) }
                if count == 20 {
                    inside.isBehind = false
                    inside.holdsPaused = false
                    inside.number = DesiredNumber(epoch: 1, counter: 500)
                    inside.profiles = []
                }
            }
            return count < 21
        }
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server)
        #expect(bench.tree.isEmpty)
        server.inside.withLock { inside in
            // Each was held for its half minute and more, and the next followed within seconds.
            let pauses = zip(inside.polledAt, inside.polledAt.dropFirst()).map { $1 - $0 }
            #expect(pauses.dropFirst(2).dropLast(2).allSatisfy { (30_000...66_000).contains($0) })
            #expect(inside.reports.last?.observed == "1.500")
        }
        #expect(bench.time.lines.count { $0.contains("knows less than") } == 1)
    }

    @Test func `comes back when a server that stops has said`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { server, count in
            if count == 1 { server.inside.withLock { $0.stopsFor = 25 } }
            return count < 2
        }
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await bench.run(server))
        bench.time.inside.withLock { #expect((25_000...26_000).contains($0.slept)) }
        server.inside.withLock { #expect($0.reports.count == 1) }
        #expect(!bench.time.lines.contains { $0.hasPrefix("warning") || $0.hasPrefix("error") })
    }

    @Test func `counts its polls, and begins anew each time it starts`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { _, count in count % 5 != 0 }
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server)
        let first = server.inside.withLock(\.stamps).compactMap {
            PollStamp(text: Array($0.utf8)[...])
        }
        #expect(first.map(\.count) == Array(1...UInt64(first.count)))
        #expect(Set(first.map(\.run)).count == 1)
        _ = await bench.run(server)
        let second = server.inside.withLock(\.stamps).dropFirst(first.count)
            .compactMap { PollStamp(text: Array($0.utf8)[...]) }
        #expect(second.first?.count == 1)
        #expect(second.first?.run != first.first?.run)
    }
}
