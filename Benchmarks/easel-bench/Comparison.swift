/// A scenario over one transport, measured beside nginx in turns.
struct Comparison {
    let scenario: Scenario
    let transport: Transport
    let easel: [LoadResult]
    let nginx: [LoadResult]

    /// The middle values of several runs.
    struct Figures {
        let perSecond: Double
        let p50: Double
        let p99: Double
        let processor: Double

        init(_ results: [LoadResult]) {
            func middle(_ value: (LoadResult) -> Double) -> Double {
                let sorted = results.map(value).sorted()
                guard let last = sorted.last else { return 0 }
                let half = sorted.count / 2
                return sorted.count % 2 == 1
                    ? sorted[half] : (sorted[half - 1] + min(sorted[half], last)) / 2
            }
            perSecond = middle(\.perSecond)
            p50 = middle(\.p50Microseconds)
            p99 = middle(\.p99Microseconds)
            processor = middle(\.processorMicroseconds)
        }
    }

    /// How many requests, how long, how often.
    struct Effort {
        var requests: Int
        var warmUp: Int
        var secondsMax: Double
        var rounds: Int
    }

    static func measure(
        _ scenario: Scenario,
        _ transport: Transport,
        _ effort: Effort,
        _ server: EaselServer,
        beside nginx: NginxPeer,
        at ports: NginxPeer.Ports
    ) throws -> Comparison {
        let plan = LoadPlan(
            connections: scenario.connections,
            warmUp: max(effort.warmUp, scenario.connections * 2),
            requests: effort.requests,
            secondsMax: effort.secondsMax,
            expectedStatus: scenario.expectedStatus,
            request: scenario.request
        )
        let peer =
            switch transport {
            case .plain:
                LoadTarget(
                    port: scenario.streams == nil ? ports.plain : ports.plainHTTP2,
                    tls: nil
                )
            case .tls: LoadTarget(port: ports.tls, tls: server.tls)
            }
        func run(
            _ target: LoadTarget,
            _ processorTime: @escaping () throws -> Double
        ) throws -> LoadResult {
            guard let streams = scenario.streams else {
                return try LoadGenerator(target: target, plan: plan, processorTime: processorTime)
                    .run()
            }
            return try HTTP2Load(
                target: target,
                plan: plan,
                streams: streams,
                folder: server.folder,
                processorTime: processorTime
            ).run()
        }
        var easelResults: [LoadResult] = []
        var nginxResults: [LoadResult] = []
        // In turns, so that what else the machine does meanwhile falls on both.
        for _ in 0..<effort.rounds {
            easelResults.append(try run(server.target(transport), server.processorSeconds))
            nginxResults.append(try run(peer, nginx.processorSeconds))
        }
        return Comparison(
            scenario: scenario,
            transport: transport,
            easel: easelResults,
            nginx: nginxResults
        )
    }
}
