/// One kind of request that is measured.
struct Scenario {
    /// The name on the command line.
    let name: String
    let title: String
    let connections: Int
    let expectedStatus: Int
    /// Requests at once on a connection, over HTTP/2; nil for HTTP/1.1, which has one.
    var streams: Int?
    /// Whether the answer is a file, which nginx then serves as one.
    var isFile = false
    let request: LoadPlan.Request

    /// All of them, for a server that is set up.
    ///
    /// - Parameter connections: for those that do not name their own.
    static func all(
        _ fleet: [PairedAppliance],
        apiKey: String,
        projectUID: String,
        bundleUID: String,
        etags: [String],
        connections: Int
    ) -> [Scenario] {
        let unchanged = zip(fleet, etags).map { appliance, etag in
            poll(appliance, "If-None-Match: \(etag)\r\n")
        }
        let changed = fleet.map { poll($0, "") }
        func read(_ path: String) -> [UInt8] {
            head("GET", path, "ApiKey: \(apiKey)\r\nProjectUid: \(projectUID)\r\n")
                + Array("\r\n".utf8)
        }
        let reads = fleet.map { read("/v1/edgehosts/\($0.uid)") }
        let download = read("/v1/clusterprofiles/\(bundleUID)/spc/download")
        func repeating(_ requests: [[UInt8]]) -> LoadPlan.Request {
            { connection, _, bytes in bytes += requests[connection % requests.count] }
        }
        return [
            Scenario(
                name: "poll-unchanged",
                title: "unchanged poll (304)",
                connections: connections,
                expectedStatus: 304,
                request: repeating(unchanged)
            ),
            Scenario(
                name: "poll-unchanged-h2",
                title: "unchanged poll (304), HTTP/2, 8 streams",
                connections: connections,
                expectedStatus: 304,
                streams: 8,
                request: repeating(unchanged)
            ),
            Scenario(
                name: "poll-changed",
                title: "changed poll (200)",
                connections: connections,
                expectedStatus: 200,
                request: repeating(changed)
            ),
            Scenario(
                name: "heartbeat",
                title: "heartbeat (204, durable)",
                connections: connections,
                expectedStatus: 204,
                request: heartbeat(fleet)
            ),
            Scenario(
                name: "heartbeat-512",
                title: "heartbeat (204, durable)",
                connections: 512,
                expectedStatus: 204,
                request: heartbeat(fleet)
            ),
            Scenario(
                name: "appliance-read",
                title: "appliance read by a user",
                connections: connections,
                expectedStatus: 200,
                request: repeating(reads)
            ),
            Scenario(
                name: "bundle-download",
                title: "bundle of \(Fleet.bundleBytes / 1000) kB",
                connections: min(connections, 16),
                expectedStatus: 200,
                isFile: true,
                request: repeating([download])
            ),
        ]
    }

    /// The request line and the fields that every request has.
    private static func head(_ method: String, _ path: String, _ fields: String) -> [UInt8] {
        Array(
            """
            \(method) \(path) HTTP/1.1\r
            Host: easel.example\r
            User-Agent: easel-bench\r
            Accept: application/json\r
            \(fields)
            """.utf8
        )
    }

    static func poll(
        _ appliance: PairedAppliance,
        _ fields: String,
        query: String = ""
    ) -> [UInt8] {
        head(
            "GET",
            "/v1/edgehosts/\(appliance.uid)/desired\(query)",
            "Authorization: Bearer \(appliance.credential)\r\n\(fields)"
        ) + Array("\r\n".utf8)
    }

    /// A report of health whose text is another one each time: what is known already would not
    /// be written.
    private static func heartbeat(_ fleet: [PairedAppliance]) -> LoadPlan.Request {
        let heads = fleet.map { appliance in
            head(
                "PATCH",
                "/v1/edgehosts/\(appliance.uid)/health",
                "Authorization: Bearer \(appliance.credential)\r\n"
                    + "Content-Type: application/json\r\n"
            )
        }
        return { connection, sequence, bytes in
            let body =
                #"{"state":"healthy","message":"beat \#(sequence)","agentVersion":"1.0.0"}"#.utf8
            bytes += heads[connection % heads.count]
            bytes += "Content-Length: \(body.count)\r\n\r\n".utf8
            bytes += body
        }
    }
}
