import APIKit
import EventLoop
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import Telemetry

/// The server's own endpoints: whether it lives and can work, its metrics, its documents.
struct SystemEndpoints: Sendable {
    let database: Database
    let loops: LoopGroup?
    /// Whether the server still takes work; false once it drains.
    let isOpen: @Sendable () -> Bool
    /// The OpenAPI document of everything the server answers.
    let document: @Sendable () -> OpenAPICommand.Served
    /// How the certificates stand.
    var certificates: @Sendable () -> ServerTLS.Standing = { .init() }
    let metrics: @Sendable () -> EndpointMetricsSnapshot

    /// How many appliances the fleet index holds, polls it parks, and answers by endpoint.
    struct EndpointMetricsSnapshot: Sendable {
        let endpoints: [Endpoint]
        let metrics: EndpointMetrics?
        let appliances: Int
        let rejections: Rejections
    }

    var endpoints: [Endpoint] { [live, ready, metricsPage, openAPI] }

    private var live: Endpoint {
        Endpoint(
            .get,
            "/livez",
            id: "getLiveness",
            tag: "Server",
            summary: "Says that the process answers.",
            document: .agent,
            access: .open,
            outputContentType: .plainText
        ) { _ in
            Response(status: 200, contentType: .plainText, body: Array("ok\n".utf8))
        }
    }

    private var ready: Endpoint {
        Endpoint(
            .get,
            "/readyz",
            id: "getReadiness",
            tag: "Server",
            summary: "Says whether the server can store what it is told; 503 when it cannot.",
            document: .agent,
            access: .open,
            failures: [.unavailable],
            outputContentType: .plainText
        ) { _ in
            guard isOpen() else {
                throw Failure(.unavailable, "The server is shutting down.", retryAfterSeconds: 5)
            }
            if let failure = database.writeFailure {
                throw Failure(
                    .unavailable,
                    "The database cannot be written.",
                    retryAfterSeconds: 5,
                    cause: failure
                )
            }
            return Response(status: 200, contentType: .plainText, body: Array("ok\n".utf8))
        }
    }

    private var metricsPage: Endpoint {
        Endpoint(
            .get,
            "/metrics",
            id: "getMetrics",
            tag: "Server",
            summary: "Gives the server's metrics in Prometheus's text format.",
            document: .agent,
            access: .open,
            outputContentType: .metrics
        ) { _ in
            Response(status: 200, contentType: .metrics, body: page())
        }
    }

    private var openAPI: Endpoint {
        Endpoint(
            .get,
            "/openapi.json",
            id: "getOpenAPI",
            tag: "Server",
            summary: "Gives the OpenAPI 3.1 document of this server.",
            document: .agent,
            access: .open,
            outputContentType: .json
        ) { context in
            let document = document()
            let fields: [(name: String, value: String)] =
                context.takesGzip ? [("Content-Encoding", "gzip")] : []
            return context.answer(.json, entityTag: document.entityTag, fields: fields) {
                context.takesGzip ? document.gzipped : document.plain
            }
        }.answeringWithEntityTag()
    }

    private func page() -> [UInt8] {
        var text = MetricsText()
        let snapshot = metrics()
        if let metrics = snapshot.metrics {
            text.family(
                "easel_http_requests_total",
                .counter,
                "Answers by operation and status class."
            )
            for (endpoint, series) in zip(snapshot.endpoints, metrics.series) {
                for (digit, count) in series.answersByClass where count > 0 {
                    text.sample(
                        "easel_http_requests_total",
                        ["operation": endpoint.id, "class": "\(digit)xx"],
                        count
                    )
                }
            }
            text.family(
                "easel_http_request_duration_seconds",
                .histogram,
                "Time from a complete request to its answer."
            )
            for (endpoint, series) in zip(snapshot.endpoints, metrics.series)
            where series.total > 0 {
                text.histogram(
                    "easel_http_request_duration_seconds",
                    ["operation": endpoint.id],
                    bounds: EndpointMetrics.bounds,
                    counts: series.bucketCounts,
                    microseconds: series.microsecondsTotal
                )
            }
        }
        text.family("easel_appliances", .gauge, "Appliances that are registered.")
        text.sample("easel_appliances", [:], snapshot.appliances)
        text.family("easel_rejected_total", .counter, "What was turned away, by reason.")
        for reason in Rejections.Reason.allCases {
            text.sample(
                "easel_rejected_total",
                ["reason": reason.rawValue],
                snapshot.rejections[reason]
            )
        }
        writeStorage(&text)
        writeLoops(&text)
        writeCertificates(&text)
        return text.bytes
    }

    private func writeStorage(_ text: inout MetricsText) {
        let statistics = database.statistics
        text.family("easel_storage_commits_total", .counter, "Transactions made durable.")
        text.sample("easel_storage_commits_total", [:], Int(clamping: statistics.commits))
        text.family("easel_storage_jobs_total", .counter, "Writes that shared those transactions.")
        text.sample("easel_storage_jobs_total", [:], Int(clamping: statistics.jobs))
        text.family("easel_storage_queue_length", .gauge, "Writes that wait now.")
        text.sample("easel_storage_queue_length", [:], statistics.queueLength)
        text.family("easel_storage_statements_total", .counter, "SQL statements run.")
        text.sample(
            "easel_storage_statements_total",
            ["kind": "read"],
            Int(clamping: statistics.readStatements)
        )
        text.sample(
            "easel_storage_statements_total",
            ["kind": "write"],
            Int(clamping: statistics.writeStatements)
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
            microseconds: Int(clamping: statistics.commitMicrosecondsTotal)
        )
    }

    private func writeCertificates(_ text: inout MetricsText) {
        let standing = certificates()
        guard !standing.ends.isEmpty else { return }
        text.family(
            "easel_tls_certificate_expiry_timestamp_seconds",
            .gauge,
            "When a certificate in use ends, by its file."
        )
        for (path, notAfter) in standing.ends {
            text.sample(
                "easel_tls_certificate_expiry_timestamp_seconds",
                ["file": path],
                Int(clamping: notAfter.seconds)
            )
        }
        text.family(
            "easel_tls_reloads_total",
            .counter,
            "Times the certificates were read again on SIGHUP."
        )
        text.sample("easel_tls_reloads_total", ["result": "done"], standing.reloads)
        text.sample("easel_tls_reloads_total", ["result": "failed"], standing.failedReloads)
    }

    private func writeLoops(_ text: inout MetricsText) {
        guard let loops else { return }
        text.family("easel_loop_connections", .gauge, "Open connections by event loop.")
        for loop in loops.loops {
            text.sample(
                "easel_loop_connections",
                ["loop": loop.name],
                loop.metrics.connections
            )
        }
        text.family("easel_loop_wakeups_total", .counter, "Times an event loop woke up.")
        for loop in loops.loops {
            text.sample("easel_loop_wakeups_total", ["loop": loop.name], loop.metrics.wakeUps)
        }
        text.family(
            "easel_loop_longest_turn_seconds",
            .gauge,
            "The longest turn of an event loop since it started."
        )
        for loop in loops.loops {
            text.sample(
                "easel_loop_longest_turn_seconds",
                ["loop": loop.name],
                seconds: Double(loop.metrics.longestTurnNanoseconds) / 1e9
            )
        }
    }
}
