import APIKit
import ArgumentParser
import HTTPCore
import Primitives

/// The flags of `easel serve` that say how much a client may do.
struct LimitOptions: ParsableArguments {
    @Option(help: "Calls of one appliance, PER-SECOND or PER-SECOND:BURST; 0 for no limit.")
    var applianceRate = RateFlag(perSecond: 50, burst: 1000)

    @Option(help: "Calls with one API key, or of one signed-in person.")
    var callerRate = RateFlag(perSecond: 100, burst: 1000)

    @Option(help: "Wrong credentials from one address.")
    var failureRate = RateFlag(perSecond: 1, burst: 200)

    @Option(help: "Machines at one address that ask to be paired.")
    var registrationRate = RateFlag(perSecond: 50, burst: 5000)

    @Option(help: "New connections from one address.")
    var connectionRate = RateFlag(perSecond: 1000, burst: 20_000)

    @Option(help: "Connections in all; never more than the limit of open files allows.")
    var connections = HTTPLimits().connectionsMax

    @Option(help: "Connections from one address.")
    var connectionsPerAddress = HTTPLimits().connectionsPerAddressMax

    @Option(help: "Address or network of a proxy whose word on who called is believed; repeatable.")
    var trustedProxy: [NetworkFlag] = []

    @Option(help: "The field that those proxies write: x-forwarded-for or forwarded.")
    var proxyField: TrustedProxies.Field = .xForwardedFor

    /// Descriptors that are no connections: the database, listeners, loops, files being read.
    private static let otherDescriptors = 128

    func validate() throws {
        guard connections > 0, connectionsPerAddress > 0 else {
            throw ValidationError("--connections and --connections-per-address begin at 1.")
        }
    }

    /// What the server allows clients, with this many descriptors for all.
    func httpLimits(descriptors: Int) -> HTTPLimits {
        var limits = HTTPLimits()
        limits.connectionRate = connectionRate.limit
        limits.connectionsPerAddressMax = connectionsPerAddress
        let reserved = Self.otherDescriptors + limits.connectionsReservedForLoopback
        // Running out would hit a file of the database as soon as a client.
        limits.connectionsMax = max(1, min(connections, descriptors - reserved))
        return limits
    }

    /// What the API allows its callers.
    func callLimits(_ rejections: Rejections) -> CallLimits {
        CallLimits(
            appliance: applianceRate.limit,
            caller: callerRate.limit,
            failures: failureRate.limit,
            registrations: registrationRate.limit,
            proxies: TrustedProxies(trustedProxy.map(\.network), field: proxyField),
            rejections: rejections
        )
    }
}

extension TrustedProxies.Field: ExpressibleByArgument {}

/// `PER-SECOND` or `PER-SECOND:BURST`; without a burst ten seconds' worth.
struct RateFlag: ExpressibleByArgument {
    private let perSecond: Int
    private let burst: Int

    init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, let perSecond = Int(parts[0]), (0...1_000_000).contains(perSecond)
        else { return nil }
        var burst = perSecond * 10
        if parts.count == 2 {
            guard let given = Int(parts[1]), (1...1_000_000).contains(given) else { return nil }
            burst = given
        }
        self.init(perSecond: perSecond, burst: burst)
    }

    var defaultValueDescription: String { "\(perSecond):\(burst)" }

    /// The limit; nil for none.
    var limit: RateLimit? {
        guard perSecond > 0 else { return nil }
        return RateLimit(burst: burst, every: .nanoseconds(1_000_000_000 / perSecond))
    }
}

/// `ADDRESS` or `ADDRESS/LENGTH`.
struct NetworkFlag: ExpressibleByArgument {
    let network: IPNetwork

    init?(argument: String) {
        guard let network = IPNetwork(argument) else { return nil }
        self.network = network
    }
}
