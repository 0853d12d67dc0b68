import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("What a monitoring system asks")
struct OperationsTests {
    @Test(.timeLimit(.minutes(1)))
    func `the server's own pages answer without a credential`() async throws {
        let server = try await EaselProcess.start()
        let api = try server.api(key: nil, project: nil)
        for path in ["/livez", "/readyz"] {
            let answer = try await api.send(.get, path)
            #expect(answer.status == 200 && answer.text == "ok\n", "\(answer)")
            let head = try await api.send(.head, path)
            #expect(head.status == 200 && head.body.isEmpty, "\(head)")
        }
        let document = try await api.send(.get, "/openapi.json")
        #expect(document.json["openapi"]?.text?.hasPrefix("3.1") == true)
        #expect((document.json["paths"]?.members?.count ?? 0) > 50)
        let check = try await Programs.easel(["check", "--url", server.plainURL + "/readyz"])
        #expect(check.ending == .exit(0), "\(check)")
        let missing = try await Programs.easel(["check", "--url", server.plainURL + "/nothing"])
        #expect(missing.ending == .exit(1), "\(missing)")
        #expect(try await server.stop() == .exit(0))
        let gone = try await Programs.easel(["check", "--url", server.plainURL + "/readyz"])
        #expect(gone.ending == .exit(1), "\(gone)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `metrics are a valid exposition and hold no names of people`() async throws {
        let server = try await EaselProcess.start()
        let api = try server.api()
        for uid in ["counted", "counted"] { _ = try await api.register(uid) }
        _ = try await api.send(.get, "/v1/edgehosts/nobody")
        let page = try await api.send(.get, "/metrics")
        #expect(page.status == 200)
        #expect(page.field("content-type")?.hasPrefix("text/plain") == true)
        #expect(page.text.hasSuffix("\n"))
        var types: [String: String] = [:]
        var helped: Set<String> = []
        var seen: Set<String> = []
        for line in page.text.split(separator: "\n").map(String.init) {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                #expect(words.count == 4, "\(line)")
                #expect(helped.insert(words[2]).inserted, "\(line)")
            } else if line.hasPrefix("# TYPE ") {
                #expect(helped.contains(words[2]) && types[words[2]] == nil, "\(line)")
                types[words[2]] = words[3]
            } else {
                check(sample: line, types, &seen)
            }
        }
        #expect(Set(types.keys) == helped)
        #expect(page.text.contains("easel_appliances 1\n"), "\(page.text)")
        for text in ["counted", "nobody", try server.signIn().email] {
            #expect(!page.text.contains(text))
        }
    }

    private func check(sample line: String, _ types: [String: String], _ seen: inout Set<String>) {
        guard let space = line.lastIndex(of: " ") else {
            Issue.record("no sample: \(line)")
            return
        }
        let series = String(line[..<space])
        #expect(seen.insert(series).inserted, "twice: \(line)")
        #expect(Double(line[line.index(after: space)...]) != nil, "no number: \(line)")
        let name = String(series.prefix { $0 != "{" })
        let isPart = ["_bucket", "_sum", "_count"].contains { suffix in
            name.hasSuffix(suffix) && types[String(name.dropLast(suffix.count))] == "histogram"
        }
        #expect(types[name] != nil || isPart, "no TYPE: \(line)")
        if series.contains("{") { #expect(series.hasSuffix("\"}"), "\(line)") }
    }
}
