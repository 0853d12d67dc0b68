import JSON
import Logging
import Primitives
import Testing

@testable import Telemetry

@Suite("Log lines")
struct LogLinesTests {
    private func line(_ format: LogFormat, _ message: String, _ fields: Logger.Metadata) -> String {
        String(
            decoding: LogLines.line(
                format,
                at: Timestamp(milliseconds: 0),
                level: .warning,
                label: "easel",
                message: message,
                fields: fields
            ),
            as: UTF8.self
        )
    }

    @Test func `are one JSON object each, whatever the message holds`() throws {
        let text = line(.json, "a\nb\u{1b}[2J\"", ["path": "/v1\r\nX: y"])
        #expect(text.hasSuffix("\n"))
        #expect(text.dropLast().contains("\n") == false)
        let value = try JSONParser.parse(String(text.dropLast()))
        #expect(value["message"]?.text == "a\nb\u{1b}[2J\"")
        #expect(value["path"]?.text == "/v1\r\nX: y")
        #expect(value["level"]?.text == "warning")
    }

    @Test func `as text let no control character through`() {
        let text = line(.text, "a\nb\u{1b}[2J", ["key": "\u{9b}c\u{7f}"])
        let body = text.dropLast()
        #expect(body.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f })
        #expect(body.contains(#"a\u{a}b\u{1b}[2J"#))
    }
}

@Suite("The metrics page")
struct MetricsTextTests {
    private func page(_ build: (inout MetricsText) -> Void) -> String {
        var text = MetricsText()
        build(&text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    @Test func `escapes what labels may hold`() {
        let text = page { $0.sample("a_total", ["name": "x\"\\\ny"], 3) }
        #expect(text == "a_total{name=\"x\\\"\\\\\\ny\"} 3\n")
    }

    @Test func `accumulates a histogram's buckets up to all`() {
        let text = page {
            $0.histogram(
                "d_seconds",
                ["op": "get"],
                bounds: [100, 1000],
                counts: [1, 2, 3],
                sum: 2_500_000
            )
        }
        #expect(
            text == """
                d_seconds_bucket{op="get",le="0.0001"} 1
                d_seconds_bucket{op="get",le="0.001"} 3
                d_seconds_bucket{op="get",le="+Inf"} 6
                d_seconds_sum{op="get"} 2.5
                d_seconds_count{op="get"} 6

                """
        )
    }
}
