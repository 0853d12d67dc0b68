import HTTPCore
import Primitives

/// How long a publish takes when many appliances follow the profile.
struct PublishMeasurement {
    let count: Int
    /// From the start of each publish to its answer, the shortest first.
    let seconds: [Double]
    /// The same of the dry run before it.
    let drySeconds: [Double]

    var middle: Double { seconds.isEmpty ? 0 : seconds[seconds.count / 2] }
    var dryMiddle: Double { drySeconds.isEmpty ? 0 : drySeconds[drySeconds.count / 2] }

    private static let publishes = 9

    /// Registers appliances, has them follow one profile, and publishes changes of it.
    static func run(
        _ program: String,
        count: Int,
        in folder: String
    ) throws -> PublishMeasurement {
        let place = EaselServer.Place(folder: folder)
        let server = try EaselServer(program, at: place)
        defer { server.stop() }
        let administrator = try Administrator(of: server, signInPath: place.signIn)
        let profile = try administrator.publishProfile()
        try load(server, administrator, count, "POST", 201) { number in
            ("/v1/edgehosts", #"{"metadata":{"uid":"device-\#(number)"}}"#)
        }
        try load(server, administrator, count, "PUT", 204) { number in
            let path = "/v1/edgehosts/device-\(min(number, count - 1))/profiles"
            return (path, #"{"profiles":[{"uid":"\#(profile)"}]}"#)
        }
        var (seconds, drySeconds): ([Double], [Double]) = ([], [])
        let path = "/v1/clusterprofiles/\(profile)/publish"
        for number in 0..<publishes {
            try administrator.editProfile(profile, text: "change-\(number)")
            drySeconds.append(
                try timed { try administrator.call(.patch, path + "?dryRun=true") }
            )
            seconds.append(try timed { try administrator.call(.patch, path) })
        }
        return PublishMeasurement(
            count: count,
            seconds: seconds.sorted(),
            drySeconds: drySeconds.sorted()
        )
    }

    private static func timed(_ body: () throws -> Void) rethrows -> Double {
        let start = MonotonicTime.now()
        try body()
        return Double(MonotonicTime.now().nanoseconds(since: start)) / 1e9
    }

    /// Sends one request for each number from 0 up.
    private static func load(
        _ server: EaselServer,
        _ administrator: Administrator,
        _ count: Int,
        _ method: String,
        _ status: Int,
        _ request: @escaping (_ number: Int) -> (path: String, body: String)
    ) throws {
        var next = 0
        let plan = LoadPlan(
            connections: 64,
            warmUp: 0,
            requests: count,
            secondsMax: 600,
            expectedStatus: status
        ) { _, _, bytes in
            let (path, body) = request(next)
            next += 1
            bytes +=
                """
                \(method) \(path) HTTP/1.1\r
                Host: easel.example\r
                ApiKey: \(administrator.apiKey)\r
                ProjectUid: \(administrator.projectUID)\r
                Content-Type: application/json\r
                Content-Length: \(body.utf8.count)\r
                \r
                \(body)
                """.utf8
        }
        _ = try LoadGenerator(
            target: server.target(.plain),
            plan: plan,
            processorTime: server.processorSeconds
        ).run()
    }
}
