import HTTPCore
import Primitives
import Testing

@testable import HTTPServer

@Suite("Connection budgets")
struct ConnectionCounterTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    private static func counter(
        shared: [String] = [],
        _ change: (inout HTTPLimits) -> Void
    ) throws -> ConnectionCounter {
        var limits = HTTPLimits()
        change(&limits)
        return ConnectionCounter(
            limits: limits,
            shared: try shared.map { try #require(IPNetwork($0)) }
        )
    }

    private static func address(_ text: String) throws -> IPAddress {
        try #require(IPAddress(text.utf8)).client
    }

    @Test func `an address may open a burst, then so many a second`() throws {
        let counter = try Self.counter {
            $0.connectionRate = RateLimit(burst: 3, every: .milliseconds(100))
        }
        let one = try Self.address("192.0.2.1")
        for _ in 0..<3 {
            #expect(counter.admit(one, at: Self.start) == nil)
            counter.release(one)
        }
        #expect(counter.admit(one, at: Self.start) == .connectionRate)
        #expect(counter.admit(try Self.address("192.0.2.2"), at: Self.start) == nil)
        #expect(counter.admit(one, at: Self.start.adding(milliseconds: 100)) == nil)
    }

    @Test func `an IPv6 network counts as one address`() throws {
        let counter = try Self.counter { $0.connectionsPerAddressMax = 2 }
        for last in 1...2 {
            let address = try Self.address("2001:db8::\(last)")
            #expect(counter.admit(address, at: Self.start) == nil)
        }
        let more = try Self.address("2001:db8::3")
        #expect(counter.admit(more, at: Self.start) == .connectionsPerAddress)
        #expect(counter.admit(try Self.address("2001:db8:0:1::3"), at: Self.start) == nil)
    }

    @Test func `no limit by address holds for a trusted proxy`() throws {
        let counter = try Self.counter(shared: ["10.0.0.0/8"]) {
            $0.connectionsPerAddressMax = 1
            $0.connectionRate = RateLimit(burst: 1, every: .seconds(60))
        }
        let proxy = try Self.address("10.0.0.1")
        for _ in 0..<50 { #expect(counter.admit(proxy, at: Self.start) == nil) }
    }

    @Test func `when all are taken, clients on the machine still come in`() throws {
        let counter = try Self.counter {
            $0.connectionsMax = 2
            $0.connectionsReservedForLoopback = 1
        }
        let far = try Self.address("192.0.2.1")
        let near = try Self.address("127.0.0.1")
        for _ in 0..<2 { #expect(counter.admit(far, at: Self.start) == nil) }
        #expect(counter.admit(far, at: Self.start) == .connections)
        #expect(counter.admit(near, at: Self.start) == nil)
        #expect(counter.admit(near, at: Self.start) == .connections)
        counter.release(near)
        counter.release(far)
        #expect(counter.admit(far, at: Self.start) == nil)
    }
}
