import APIKit
import HTTPCore
import Storage

/// The server's own endpoints: whether it lives and can work, its metrics, its documents.
struct SystemEndpoints: Sendable {
    let database: Database
    /// Whether the server still takes work; false once it drains.
    let isOpen: @Sendable () -> Bool
    /// The OpenAPI document of everything the server answers.
    let document: @Sendable () -> OpenAPICommand.Served
    /// The metrics as they are now.
    let metrics: @Sendable () -> [UInt8]

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
            if let failure = database.failure {
                throw Failure(
                    .unavailable,
                    "The database cannot be used: \(failure.publicReason).",
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
            // Not on the loop, whose polls would wait for the page to be written.
            let page = await Task.detached { metrics() }.value
            return Response(status: 200, contentType: .metrics, body: page)
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
}
