import Glibc

/// What the server takes with nothing in it and with many appliances.
struct MemoryMeasurement {
    let count: Int
    let empty: ProcessFigures.Memory
    let registrationsPerSecond: Double
    /// With the server that took the registrations.
    let registered: ProcessFigures.Memory
    /// After a restart.
    let restarted: ProcessFigures.Memory
    let startSeconds: Double
    let emptyStartSeconds: Double

    /// Starts an empty server, registers appliances over the API, and starts it again.
    static func run(_ program: String, count: Int, in folder: String) throws -> MemoryMeasurement {
        let place = EaselServer.Place(folder: folder)
        let first = try EaselServer(program, at: place)
        defer { first.stop() }
        // What the start has left to do is done when the first second is over.
        sleep(1)
        let empty = try first.memory()
        let administrator = try Administrator(of: first, signInPath: place.signIn)
        let head = """
            POST /v1/edgehosts HTTP/1.1\r
            Host: easel.example\r
            ApiKey: \(administrator.apiKey)\r
            ProjectUid: \(administrator.projectUID)\r
            Content-Type: application/json\r

            """
        let connections = 64
        let plan = LoadPlan(
            connections: connections,
            warmUp: 0,
            requests: count,
            secondsMax: 600,
            expectedStatus: 201
        ) { connection, sequence, bytes in
            let number = sequence * connections + connection
            let body = """
                {"metadata":{"uid":"device-\(number)","name":"device-\(number)",\
                "labels":{"site":"store-\(number % 1000)","stage":"prod"}}}
                """.utf8
            bytes += head.utf8
            bytes += "Content-Length: \(body.count)\r\n\r\n".utf8
            bytes += body
        }
        let load = try LoadGenerator(
            target: first.target(.plain),
            plan: plan,
            processorTime: first.processorSeconds
        ).run()
        let registered = try first.memory()
        first.stop()
        let second = try EaselServer(program, at: place)
        defer { second.stop() }
        sleep(1)
        let restarted = try second.memory()
        return MemoryMeasurement(
            count: count,
            empty: empty,
            registrationsPerSecond: load.perSecond,
            registered: registered,
            restarted: restarted,
            startSeconds: second.startSeconds,
            emptyStartSeconds: first.startSeconds
        )
    }
}
