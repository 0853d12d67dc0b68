import HTTPCore
import Logging
import Synchronization
import TestSupport
import Testing

@testable import APIKit

/// Keeps what is logged.
private final class Kept: Sendable {
    let lines = Mutex<[(message: String, fields: Logger.Metadata)]>([])

    var logger: Logger { Logger(label: "test") { _ in KeepingHandler(kept: self) } }
}

private struct KeepingHandler: LogHandler {
    let kept: Kept
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(kept: Kept) { self.kept = kept }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        kept.lines.withLock { $0.append((event.message.description, event.metadata ?? [:])) }
    }
}

@Suite("What is noted of a request")
struct ObservingTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private let kept = Kept()

    private struct Broken: Error {}

    private func api(slowMilliseconds: Int?) -> TestDispatcher {
        let endpoint = Endpoint(
            .get,
            "/v1/secrets/{token}",
            id: "get",
            tag: "t",
            summary: "Reads.",
            access: .open,
            outputContentType: .plainText
        ) { context in
            switch try context.parameter("token") {
            case "broken": throw Broken()
            case "parked": context.request.parkedNanoseconds = 3_600_000_000_000
            default: break
            }
            return Response(status: 200, contentType: .plainText, body: [])
        }
        return TestDispatcher([endpoint], slowMilliseconds: slowMilliseconds, logger: kept.logger)
    }

    private func traced(_ version: String = "00") -> [(String, String)] {
        [("traceparent", "\(version)-\(Self.trace)-b7ad6b7169203331-01")]
    }

    @Test func `a slow request is one line with its route and trace, never its path`() async throws
    {
        _ = try await api(slowMilliseconds: 0)
            .call(.get, "/v1/secrets/geheim?q=geheim", headers: traced())
        let lines = kept.lines.withLock { $0 }
        let line = try #require(lines.first)
        #expect(lines.count == 1 && line.message == "slow request")
        #expect(line.fields["route"] == "/v1/secrets/{token}" && line.fields["status"] == "200")
        #expect(line.fields["trace"] == "\(Self.trace)" && line.fields["method"] == "GET")
        for name in ["milliseconds", "writeMilliseconds", "request"] {
            #expect(line.fields[name] != nil, "\(name)")
        }
        #expect(!"\(line.fields)".contains("geheim"))
    }

    @Test func `what a poll waits on purpose is not slow, and no line is the default`() async throws
    {
        _ = try await api(slowMilliseconds: 0).call(.get, "/v1/secrets/parked")
        _ = try await api(slowMilliseconds: nil).call(.get, "/v1/secrets/x")
        #expect(kept.lines.withLock { $0.isEmpty })
    }

    @Test func `an error's line names the trace`() async throws {
        _ = try? await api(slowMilliseconds: nil)
            .call(.get, "/v1/secrets/broken", headers: traced())
        let line = try #require(kept.lines.withLock { $0.first })
        #expect(line.message == "request failed" && line.fields["trace"] == "\(Self.trace)")
        #expect(line.fields["route"] == "/v1/secrets/{token}")
    }

    @Test func `answers are counted by route, refusals too`() async throws {
        let api = api(slowMilliseconds: nil)
        for target in ["/v1/secrets/a", "/v1/secrets/b", "/v1/nothing"] {
            _ = try await api.call(.get, target)
        }
        _ = try await api.call(.post, "/v1/secrets/a")
        let metrics = api.dispatcher.metrics
        #expect(metrics.series[0].total == 2)
        #expect(metrics.unrouted.answersByClass.map(\.count) == [0, 0, 0, 2, 0])
        #expect(metrics.series[0].bucketCounts.reduce(0, +) == 2)
    }

    @Test func `a later version of traceparent may say more`() {
        let more = traced("01").map { ($0.0, $0.1 + "-more") }
        for headers in [traced(), traced("01"), more] {
            let request = TestDispatcher.request(.get, "/", headers)
            #expect(TraceContext.traceID(of: request) == Self.trace)
        }
    }

    @Test(arguments: [
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        "00-0af7651916cd43dd8448eb211c80319\n-b7ad6b7169203331-01",
        "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
    ])
    func `an invalid traceparent is none`(value: String) {
        let request = TestDispatcher.request(.get, "/", [("traceparent", value)])
        #expect(TraceContext.traceID(of: request) == nil)
    }

    @Test func `two of them are none`() {
        let request = TestDispatcher.request(.get, "/", traced() + traced())
        #expect(TraceContext.traceID(of: request) == nil)
        #expect(TraceContext.traceID(of: TestDispatcher.request(.get, "/")) == nil)
    }
}
