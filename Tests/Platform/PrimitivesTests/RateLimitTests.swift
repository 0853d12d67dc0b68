import Primitives
import Synchronization
import Testing

@Suite("Token buckets") struct RateLimitTests {
    private static let start = MonotonicTime(nanoseconds: 5_000_000_000_000)

    private func at(_ milliseconds: Int64) -> MonotonicTime {
        Self.start.adding(milliseconds: milliseconds)
    }

    @Test func `give the burst at once, then one in each interval`() {
        let limit = RateLimit(burst: 3, every: .milliseconds(100))
        let bucket = Atomic<Int64>(0)
        #expect(
            (0..<5).map { _ in limit.take(from: bucket, at: at(0)).remaining } == [2, 1, 0, 0, 0]
        )
        let refused = limit.take(from: bucket, at: at(40))
        #expect(!refused.isAllowed && refused.wait == 60_000_000)
        #expect(limit.take(from: bucket, at: at(100)).isAllowed)
        #expect(!limit.take(from: bucket, at: at(150)).isAllowed)
        #expect(limit.take(from: bucket, at: at(200)).isAllowed)
    }

    @Test func `are full again after a while, and hold no more than the burst`() {
        let limit = RateLimit(burst: 3, every: .milliseconds(100))
        let bucket = Atomic<Int64>(0)
        for _ in 0..<3 { _ = limit.take(from: bucket, at: at(0)) }
        #expect(
            (0..<4).filter { _ in limit.take(from: bucket, at: at(3_600_000)).isAllowed }.count == 3
        )
    }

    @Test func `of extreme sizes stay within the range of numbers`() {
        for limit in [
            RateLimit(burst: .max, every: .seconds(Int64.max)), RateLimit(burst: 0, every: .zero),
            RateLimit(burst: -1, every: .seconds(-1)),
        ] {
            let bucket = Atomic<Int64>(0)
            #expect(limit.take(from: bucket, at: at(0)).isAllowed)
            #expect(limit.burst >= 1 && limit.interval >= 1)
        }
    }

    @Test func `give no more than the burst to threads that take at once`() async {
        let limit = RateLimit(burst: 1000, every: .seconds(60))
        let table = RateTable(limit)
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<400).filter { _ in table.take("one", at: Self.start).isAllowed }.count
                }
            }
            return await group.reduce(0, +)
        }
        #expect(taken == 1000)
    }

    @Test func `keep keys apart, and a look takes nothing`() {
        let table = RateTable(RateLimit(burst: 2, every: .seconds(1)))
        for _ in 0..<10 { #expect(table.look("a", at: at(0)).isAllowed) }
        for _ in 0..<2 { #expect(table.take("a", at: at(0)).isAllowed) }
        #expect(!table.take("a", at: at(0)).isAllowed)
        #expect(!table.look("a", at: at(0)).isAllowed)
        #expect(table.take("b", at: at(0)).isAllowed)
    }

    @Test func `a flood of made-up keys does not wash out the count of a busy one`() {
        let table = RateTable(RateLimit(burst: 10, every: .seconds(60)), slots: 1024)
        for _ in 0..<10 { _ = table.take("busy", at: at(0)) }
        for number in 0..<100_000 { _ = table.take(number, at: at(1)) }
        #expect(!table.take("busy", at: at(2)).isAllowed)
    }
}

@Suite("Addresses") struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("127.0.0.1", "127.0.0.1"),
    ])
    func `have one spelling`(_ given: String, _ shown: String) {
        #expect(IPAddress(given.utf8)?.text == shown)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "host", "1.2.3.4:80", "[::1]",
        "::1%lo", "fe80::1%eth0", "1.2.3.4\0", ":::", "unknown",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    ])
    func `are nothing else`(_ text: String) {
        #expect(IPAddress(text.utf8) == nil)
    }

    @Test func `of one IPv6 network are one client, of one IPv4 network are not`() throws {
        func client(_ text: String) throws -> IPAddress {
            try #require(IPAddress(text.utf8)).client
        }
        #expect(try client("2001:db8:1:2::3") == client("2001:db8:1:2:ffff::"))
        #expect(try client("2001:db8:1:2::3") != client("2001:db8:1:3::3"))
        #expect(try client("192.0.2.1") != client("192.0.2.2"))
    }

    @Test func `are of this machine, or not`() throws {
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            #expect(try #require(IPAddress(text.utf8)).isLoopback)
        }
        for text in ["128.0.0.1", "10.0.0.1", "::2", "2001:db8::1"] {
            #expect(try !#require(IPAddress(text.utf8)).isLoopback)
        }
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::/72", "2001:db8::1", true), ("2001:db8::/72", "2001:db8:0:0:100::", false),
        ("::/0", "192.0.2.1", true), ("::1/128", "::1", true), ("fd00::/64", "fd00::9", true),
    ])
    func `lie in a network, or not`(_ network: String, _ address: String, _ lies: Bool) throws {
        let network = try #require(IPNetwork(network))
        #expect(network.contains(try #require(IPAddress(address.utf8))) == lies)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.1.2.3/8", "a/8", "::1/129", "::1/64",
        "10.0.0.0/8/8",
    ])
    func `a network that is none is refused`(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
