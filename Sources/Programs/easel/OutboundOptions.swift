import ArgumentParser
import EventLoop
import HTTPClient

/// The flags of `easel serve` about what the server fetches where users say.
struct OutboundOptions: ParsableArguments {
    @Option(
        help:
            "Network that registries may lie in though it is not the internet, such as 10.1.0.0/16; repeatable."
    )
    var outboundAllow: [NetworkFlag] = []

    /// The client for whatever is fetched from an address that a user wrote.
    ///
    /// - Parameter environment: where `HTTPS_PROXY` and `NO_PROXY` stand, in either case.
    /// - Throws: for a proxy that cannot be used; going around it could be what nobody wants.
    func client(
        _ environment: [String: String],
        loop: Loop,
        workers: WorkerPool
    ) throws -> OutboundClient {
        let given = environment["HTTPS_PROXY"] ?? environment["https_proxy"] ?? ""
        let exceptions = environment["NO_PROXY"] ?? environment["no_proxy"] ?? ""
        let proxy = OutboundProxy(given, except: exceptions)
        guard given.isEmpty || proxy != nil else {
            throw Refusal("HTTPS_PROXY is not of the form http://[USER:PASSWORD@]HOST:PORT.")
        }
        return OutboundClient(
            loop: loop,
            workers: workers,
            policy: OutboundPolicy(allowed: outboundAllow.map(\.network)),
            proxy: proxy
        )
    }
}
