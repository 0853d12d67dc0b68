import AgentSync
import APIKit
import EventLoop
import HTTPCore
import HTTPServer
import Primitives
import Storage
import Telemetry

/// Writes `/metrics`: every number that an operator is told, by Prometheus's conventions.
///
/// Numbers are counted where things happen, so that writing the page scans nothing and locks
/// nothing for long. `docs/operating.md` has a row for each family, and a test compares them.
struct MetricsPage: Sendable {
    let endpoints: [Endpoint]
    let answers: EndpointMetrics
    let loops: [Loop]
    let database: Database
    let fleet: FleetCounts
    let traffic: Traffic
    let rejections: Rejections
    let certificates: ServerTLS.Standing

    /// The page in Prometheus's text format.
    func text() -> [UInt8] {
        var text = MetricsText()
        text.family("easel_build_info", .gauge, "Always 1; the label tells the version.")
        text.sample("easel_build_info", ["version": Release.version], 1)
        writeRequests(&text)
        writeRejections(&text)
        writeConnections(&text)
        writeCertificates(&text)
        writeFleet(&text)
        writeStorage(&text)
        writeLoops(&text)
        ProcessFigures.now().write(to: &text)
        return text.bytes
    }

    private var series: [(method: String, route: String, EndpointMetrics.Series)] {
        let routed = zip(endpoints, answers.series).map { ($0.method.text, $0.path, $1) }
        return routed + [("any", "none", answers.unrouted)]
    }

    private func writeRequests(_ text: inout MetricsText) {
        let series = series.filter { $0.2.total > 0 }
        let requests = "easel_http_requests_total"
        text.family(requests, .counter, "Requests answered, by route and status class.")
        for (method, route, one) in series {
            for (digit, count) in one.answersByClass where count > 0 {
                let labels: KeyValuePairs =
                    ["method": method, "route": route, "status": "\(digit)xx"]
                text.sample(requests, labels, count)
            }
        }
        let duration = "easel_http_request_duration_seconds"
        text.family(
            duration,
            .histogram,
            "Time from a complete request to its answer, without what a long poll waits."
        )
        for (method, route, one) in series {
            text.histogram(
                duration,
                ["method": method, "route": route],
                bounds: EndpointMetrics.bounds,
                counts: one.bucketCounts,
                sum: one.microsecondsTotal
            )
        }
    }

    private func writeRejections(_ text: inout MetricsText) {
        text.family("easel_rejected_total", .counter, "What was turned away, by reason.")
        for reason in Rejections.Reason.allCases {
            let labels: KeyValuePairs = ["reason": reason.rawValue]
            text.sample("easel_rejected_total", labels, rejections[reason])
        }
    }

    private func writeConnections(_ text: inout MetricsText) {
        let open = "easel_connections"
        text.family(open, .gauge, "Connections that are open, by what is spoken on them.")
        for wire in Traffic.Wire.allCases {
            let labels: KeyValuePairs =
                ["transport": Self.transport(wire), "protocol": Self.name(wire)]
            text.sample(open, labels, traffic.open(wire))
        }
        let accepted = "easel_connections_accepted_total"
        text.family(accepted, .counter, "Connections that were taken.")
        text.sample(accepted, ["transport": "tcp"], traffic.accepted(isSecure: false))
        text.sample(accepted, ["transport": "tls"], traffic.accepted(isSecure: true))
        let handshakes = "easel_tls_handshakes_total"
        text.family(handshakes, .counter, "TLS handshakes by how they ended.")
        for version in [Traffic.Version.tls12, .tls13] {
            let name = version == .tls13 ? "1.3" : "1.2"
            for (result, word) in [(Traffic.Handshake.full, "full"), (.resumed, "resumed")] {
                let labels: KeyValuePairs = ["result": word, "version": name]
                text.sample(handshakes, labels, traffic.handshakes(result, version))
            }
        }
        text.sample(
            handshakes,
            ["result": "failed", "version": "none"],
            traffic.handshakes(.failed, .none)
        )
    }

    private static func transport(_ wire: Traffic.Wire) -> String {
        switch wire {
        case .plainHTTP1, .plainHTTP2: "tcp"
        case .secureHTTP1, .secureHTTP2, .handshake: "tls"
        }
    }

    private static func name(_ wire: Traffic.Wire) -> String {
        switch wire {
        case .plainHTTP1, .secureHTTP1: "http/1.1"
        case .plainHTTP2, .secureHTTP2: "http/2"
        case .handshake: "handshake"
        }
    }

    private func writeCertificates(_ text: inout MetricsText) {
        let expiry = "easel_tls_certificate_expiry_timestamp_seconds"
        text.family(expiry, .gauge, "When a certificate in use ends, by its file.")
        for (path, notAfter) in certificates.ends {
            text.sample(expiry, ["file": path], Int(notAfter.seconds))
        }
        let reloads = "easel_tls_reloads_total"
        text.family(reloads, .counter, "Times the certificates were read again on SIGHUP.")
        text.sample(reloads, ["result": "done"], certificates.reloads)
        text.sample(reloads, ["result": "failed"], certificates.failedReloads)
    }

    private func writeFleet(_ text: inout MetricsText) {
        text.family("easel_appliances", .gauge, "Registered appliances by how they fare.")
        for kind in FleetCounts.Kind.allCases {
            text.sample("easel_appliances", ["state": kind.rawValue], fleet[kind])
        }
        text.family("easel_parked_polls", .gauge, "Long polls that wait for a change.")
        text.sample("easel_parked_polls", fleet.parkedPolls)
    }

    private func writeStorage(_ text: inout MetricsText) {
        let statistics = database.statistics
        let files = database.fileBytes
        text.family("easel_storage_database_bytes", .gauge, "Size of the database's file.")
        text.sample("easel_storage_database_bytes", files.database)
        text.family("easel_storage_wal_bytes", .gauge, "Size of the write-ahead log.")
        text.sample("easel_storage_wal_bytes", files.log)
        text.family("easel_storage_writable", .gauge, "1 while writes reach the disk, else 0.")
        text.sample("easel_storage_writable", database.isHealthy ? 1 : 0)
        text.family("easel_storage_queue_length", .gauge, "Writes that wait for the writer now.")
        text.sample("easel_storage_queue_length", statistics.queueLength)
        text.family("easel_storage_statements_total", .counter, "SQL statements run.")
        for (kind, count) in [
            ("read", statistics.readStatements), ("write", statistics.writeStatements),
        ] {
            text.sample("easel_storage_statements_total", ["kind": kind], Int(clamping: count))
        }
        text.family(
            "easel_storage_batch_size",
            .histogram,
            "Writes that shared one transaction."
        )
        text.histogram(
            "easel_storage_batch_size",
            bounds: Statistics.batchBounds,
            counts: statistics.batchCounts.map { Int(clamping: $0) },
            sum: Int(clamping: statistics.jobs),
            perUnit: 1
        )
        text.family(
            "easel_storage_commit_duration_seconds",
            .histogram,
            "Time of a commit with its sync to the disk."
        )
        text.histogram(
            "easel_storage_commit_duration_seconds",
            bounds: Statistics.commitBucketBounds.map { Int($0) },
            counts: statistics.commitBuckets.map { Int(clamping: $0) },
            sum: Int(clamping: statistics.commitMicrosecondsTotal)
        )
    }

    private func writeLoops(_ text: inout MetricsText) {
        text.family("easel_loop_connections", .gauge, "Open connections by event loop.")
        for loop in loops {
            text.sample("easel_loop_connections", ["loop": loop.name], loop.metrics.connections)
        }
        text.family("easel_loop_wakeups_total", .counter, "Times an event loop woke up.")
        for loop in loops {
            text.sample("easel_loop_wakeups_total", ["loop": loop.name], loop.metrics.wakeUps)
        }
        let turn = "easel_loop_turn_duration_seconds"
        text.family(turn, .histogram, "Time between two waits: how long an event may have waited.")
        for loop in loops {
            text.histogram(
                turn,
                ["loop": loop.name],
                bounds: LoopMetrics.turnBounds,
                counts: loop.metrics.turnCounts,
                sum: Int(loop.metrics.busyNanoseconds / 1000)
            )
        }
    }
}
