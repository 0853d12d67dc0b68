/// Puts into a server what the scenarios ask for.
enum Fleet {
    /// The size of the manifest in the bundle that is downloaded; it does not compress well.
    static let bundleBytes = 900_000

    /// Text that gzip makes little smaller, the same every time.
    private static var bundleManifest: String {
        var state: UInt64 = 1
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        let text = (0..<bundleBytes).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return letters[Int(state >> 58)]
        }
        return "data: " + String(decoding: text, as: UTF8.self) + "\n"
    }

    /// Pairs appliances that follow one published profile.
    static func scenarios(
        _ server: EaselServer,
        _ place: EaselServer.Place,
        count: Int,
        connections: Int
    ) throws -> [Scenario] {
        let administrator = try Administrator(of: server, signInPath: place.signIn)
        let profile = try administrator.publishProfile()
        let token = try administrator.makeToken()
        let fleet = try (0..<count).map { number in
            try administrator.pairAppliance("bench-\(number)", token: token, profileUID: profile)
        }
        let etags = try fleet.map { try etag(of: $0, server) }
        return Scenario.all(
            fleet,
            apiKey: administrator.apiKey,
            projectUID: administrator.projectUID,
            bundleUID: try administrator.publishProfile("bundle", manifest: bundleManifest),
            etags: etags,
            connections: connections
        )
    }

    /// What an appliance's desired state is tagged with now.
    private static func etag(
        of appliance: PairedAppliance,
        _ server: EaselServer
    ) throws -> String {
        try etag(in: one(200, server) { _, _, bytes in bytes += Scenario.poll(appliance, "") })
    }

    /// The entity tag of a poll's answer.
    static func etag(in answer: [UInt8]) throws -> String {
        let fields = try NginxPeer.Answer(like: answer).fields
        guard let etag = fields.first(where: { $0.name.lowercased() == "etag" }) else {
            throw BenchError("a poll's answer has no ETag")
        }
        return etag.value
    }

    /// One whole answer of a scenario.
    static func sample(_ scenario: Scenario, _ server: EaselServer) throws -> [UInt8] {
        try one(scenario.expectedStatus, server, scenario.request)
    }

    private static func one(
        _ status: Int,
        _ server: EaselServer,
        _ request: @escaping LoadPlan.Request
    ) throws -> [UInt8] {
        let plan = LoadPlan(
            connections: 1,
            warmUp: 0,
            requests: 1,
            secondsMax: 10,
            expectedStatus: status,
            request: request
        )
        return try LoadGenerator(target: server.target(.plain), plan: plan) { 0 }.run().sample
    }
}
