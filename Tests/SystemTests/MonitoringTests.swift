import HTTPCore
import JSON
import TestSupport
import Testing

/// What the repository gives to monitoring systems, held against the page of a real server.
@Suite("Monitoring")
struct MonitoringTests {
    private static let folder = Programs.repository + "/docker/monitoring"

    /// Starts a server, has one appliance registered and one call fail, and reads the page.
    private func page() async throws -> (text: String, read: Exposition) {
        let server = try await EaselProcess.start()
        let api = try server.api()
        for uid in ["counted", "counted"] { _ = try await api.register(uid) }
        _ = try await api.send(.get, "/v1/edgehosts/nobody")
        _ = try await api.send(.get, "/v1/nothing")
        let answer = try await api.send(.get, "/metrics")
        #expect(answer.status == 200)
        #expect(answer.field("content-type")?.hasPrefix("text/plain") == true)
        for text in ["counted", "nobody", "nothing", try server.signIn().email] {
            #expect(!answer.text.contains(text))
        }
        #expect(try await server.stop() == .exit(0))
        return (answer.text, try Exposition(answer.text))
    }

    @Test(.timeLimit(.minutes(1)))
    func `the page is valid, tells what happened and is documented row by row`() async throws {
        let (_, page) = try await page()
        #expect(page["easel_appliances", ["state": "unknown"]] == 1)
        let route = ["method": "GET", "route": "/v1/edgehosts/{uid}"]
        #expect(
            page["easel_http_requests_total", route.merging(["status": "4xx"]) { $1 }] == 1
        )
        #expect(page["easel_http_request_duration_seconds_count", route] == 1)
        let unrouted = ["method": "any", "route": "none", "status": "4xx"]
        #expect(page["easel_http_requests_total", unrouted] == 1)
        let handshakes = page.families["easel_tls_handshakes_total"]?.samples ?? []
        #expect(handshakes.map(\.value).reduce(0, +) >= 1)
        for name in [
            "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
            "process_start_time_seconds", "easel_storage_database_bytes",
            "easel_storage_batch_size_count", "easel_storage_commit_duration_seconds_count",
        ] {
            #expect((page[name, [:]] ?? 0) > 0, "\(name)")
        }
        var documented: [String: String] = [:]
        for line in try TestFiles.text(Programs.repository + "/docs/operating.md").split(
            separator: "\n"
        ) where line.hasPrefix("| `easel_") || line.hasPrefix("| `process_") {
            let cells = line.split(separator: "|").map { $0.filter { $0 != " " && $0 != "`" } }
            #expect(cells.count == 4, "\(line)")
            documented[cells[0]] = cells[1]
        }
        #expect(documented == page.families.mapValues(\.type))
    }

    @Test(.timeLimit(.minutes(1)))
    func `the dashboard and the alerts name only what is on the page`() async throws {
        let names = Set(
            try await page().read.families.flatMap { name, family in
                family.type == "histogram"
                    ? ["_bucket", "_sum", "_count"].map { name + $0 } : [name]
            }
        )
        let dashboard = try TestFiles.json(Self.folder + "/grafana-dashboard.json")
        let panels = dashboard["panels"]?.elements ?? []
        let queries = panels.flatMap { $0["targets"]?.elements ?? [] }
            .compactMap { $0["expr"]?.text }
        #expect(queries.count > 20)
        for query in queries + [try TestFiles.text(Self.folder + "/alerts.yml")] {
            let used = Self.metrics(in: query)
            #expect(!used.isEmpty && used.isSubset(of: names), "\(used.subtracting(names))")
        }
    }

    /// Every word that begins like one of our metrics.
    private static func metrics(in text: String) -> Set<String> {
        let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
        return Set(words.filter { $0.hasPrefix("easel_") || $0.hasPrefix("process_") })
    }

    @Test(.enabled(if: isInstalled("promtool")), .timeLimit(.minutes(1)))
    func `promtool finds no fault in the page, the alerts and the configuration`() async throws {
        let file = try TemporaryDirectory.make() + "/metrics"
        try TestFiles.write(file, try await page().text)
        for command in [
            "promtool check metrics < '\(file)' 2>&1",
            "promtool check config '\(Self.folder)/prometheus.yml' 2>&1",
            "promtool check rules '\(Self.folder)/alerts.yml' 2>&1",
        ] {
            let result = try await Programs.bash(command)
            #expect(result.ending == .exit(0), "\(command): \(result)")
        }
        let empty = try await Programs.bash("promtool check metrics < '\(file)' 2>&1")
        #expect(empty.output.isEmpty, "\(empty.output)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a long poll is one line of the request log and not slow`() async throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let server = try await EaselProcess.start(
            flags: EaselProcess.standardFlags + ["--access-log", "--slow-request", "1500"]
        )
        let operators = try server.api()
        let token = try await operators.makeToken(project: try server.signIn().projectUID)
        let appliance = try await operators.pair("waiter", token: token)
        let api = try appliance.api(server)
        let known = try await api.send(.get, "/v1/edgehosts/waiter/desired")
        _ = try await api.send(
            .get,
            "/v1/edgehosts/waiter/desired?wait=2&secret=geheim",
            fields: [
                ("If-None-Match", try #require(known.field("etag"))),
                ("traceparent", "00-\(trace)-b7ad6b7169203331-01"),
            ]
        )
        #expect(try await server.stop() == .exit(0))
        let line = try #require(server.log.first { $0.field("trace") == trace })
        #expect(line.message == "request" && line.field("level") == "info")
        #expect(line.field("route") == "/v1/edgehosts/{uid}/desired")
        #expect(Int(line.field("parkedMicroseconds") ?? "") ?? 0 > 1_500_000)
        #expect(!server.log.contains { $0.message == "slow request" })
        #expect(!server.process.errors.text.contains("geheim"))
    }
}
