import TestSupport
import Testing

@testable import Telemetry

@Suite("The reader that judges metrics pages")
struct ExpositionTests {
    @Test func `takes what the page's writer writes`() throws {
        var text = MetricsText()
        text.family("a_total", .counter, "Counts.")
        text.sample("a_total", ["name": "x\"\\\ny, }=", "b": ""], 3)
        text.family("b_seconds", .histogram, "Takes.")
        text.histogram("b_seconds", ["op": "get"], bounds: [100, 1000], counts: [1, 0, 3], sum: 9)
        text.family("c", .gauge, "Is.")
        text.sample("c", seconds: 0.000_01)
        let page = try Exposition(String(decoding: text.bytes, as: UTF8.self))
        #expect(page["a_total", ["name": "x\"\\\ny, }=", "b": ""]] == 3)
        #expect(page["b_seconds_bucket", ["op": "get", "le": "0.001"]] == 1)
        #expect(page["b_seconds_bucket", ["op": "get", "le": "+Inf"]] == 4)
        #expect(page["b_seconds_sum", ["op": "get"]] == 9e-6)
        #expect(page["c", [:]] == 1e-5)
        #expect(page.families["c"]?.type == "gauge" && page.families["c"]?.help == "Is.")
    }

    private static let head = "# HELP a Is.\n# TYPE a gauge\n"
    private static let histogram = "# HELP h Is.\n# TYPE h histogram\n"

    @Test(arguments: [
        "", "a 1\n", head + "a 1", head + "a 1\n\n", head + "a 1\na 2\n", head + "a one\n",
        head + "a NaN\n", head + "a  1\n", head + "b 1\n", head + "a{x=\"1\"\n",
        head + "a{x=\"1\",} 1\n", head + "a{x=1} 1\n", head + "a{1x=\"1\"} 1\n",
        head + "a{x=\"1\",x=\"2\"} 1\n", head + "a{x=\"\\t\"} 1\n", head + "a{x=\"1\"}b 1\n",
        "# HELP a Is.\na 1\n", "# TYPE a gauge\na 1\n", head + head + "a 1\n",
        "# HELP a\n# TYPE a gauge\na 1\n", "# HELP a Is.\n# TYPE a number\na 1\n",
        "# HELP a Is.\n# TYPE a counter\na 1\n", "# HELP a_total Is.\n# TYPE a_total gauge\n",
        "# HELP a_total Is.\n# TYPE a_total counter\na_total -1\n", "# HELP a Is.\n",
        "# a remark of mine\n",
        histogram + "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
        histogram + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
        histogram + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\n",
        histogram + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
        histogram
            + "h_bucket{le=\"2\"} 0\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
        histogram + "h 1\n",
    ])
    func `refuses any other page`(page: String) {
        #expect(throws: Exposition.Fault.self) { try Exposition(page) }
    }
}
