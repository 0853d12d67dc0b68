import APIKit
import HTTPCore
import JSON
import Primitives
import TestSupport
import Testing

private struct Page: WireOutput {
    var items: [Int]
    var meta: ListMeta

    static var examples: [Page] { [Page(items: [1], meta: .example)] }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("items", items)
            writer.key("listmeta")
            meta.write(to: &writer)
        }
    }
}

/// A list of the numbers below 117, found by key as features find their rows.
private func numbers(_ path: String, _ id: String) -> Endpoint {
    Endpoint(
        .get,
        path,
        id: id,
        tag: "numbers",
        summary: "Lists.",
        access: .signedIn,
        query: QueryParameter.paging,
        output: Page.self
    ) { _, context in
        let page = try context.page()
        let first = page.after.flatMap { Int($0) }.map { $0 + 1 } ?? page.offset
        let all = Array(first..<max(117, first))
        let items = Array(all.prefix(page.limit ?? all.count))
        return Page(
            items: items,
            meta: context.listMeta(
                page,
                shown: items.count,
                total: 117,
                last: items.last.map(String.init)
            )
        )
    }
}

@Suite("Pages of a list")
struct PagingTests {
    private let api = TestDispatcher([numbers("/v1/a", "a"), numbers("/v1/b", "b")])

    private func continuation(_ answer: TestAnswer) -> String {
        answer.json["listmeta"]?["continue"]?.text ?? ""
    }

    @Test func `are followed by token to the end`() async throws {
        var seen: [Int64] = []
        var target = "/v1/a"
        var pages = 0
        repeat {
            let answer = try await api.call(.get, target)
            seen += answer.json["items"]?.elements?.compactMap(\.integer) ?? []
            pages += 1
            let token = continuation(answer)
            #expect(answer.json["listmeta"]?["count"]?.integer == 117)
            #expect(answer.json["listmeta"]?["offset"]?.integer == Int64(seen.count))
            #expect(answer.json["listmeta"]?["limit"]?.integer == 50)
            target = token.isEmpty ? "" : "/v1/a?continue=\(encoded(token))"
        } while !target.isEmpty
        #expect(pages == 3)
        #expect(seen == Array(0..<117))
    }

    private func encoded(_ text: String) -> String {
        text.map { $0 == "+" ? "%2B" : $0 == "/" ? "%2F" : $0 == "=" ? "%3D" : "\($0)" }.joined()
    }

    @Test(arguments: [("limit=0", 117, 117), ("limit=10", 10, 10), ("limit=999", 50, 50)])
    func `have the size that was asked for`(
        query: String,
        count: Int,
        limit: Int64
    ) async throws {
        let answer = try await api.call(.get, "/v1/a?\(query)")
        #expect(answer.json["items"]?.elements?.count == count)
        #expect(answer.json["listmeta"]?["limit"]?.integer == limit)
    }

    @Test func `an offset begins in the middle`() async throws {
        let answer = try await api.call(.get, "/v1/a?offset=110")
        #expect(answer.json["items"]?.elements?.first?.integer == 110)
        #expect(continuation(answer) == "")
        #expect(answer.json["listmeta"]?["offset"]?.integer == 117)
    }

    @Test func `a token is base64 of what clients look into`() async throws {
        let token = continuation(try await api.call(.get, "/v1/a"))
        let inside = try JSONParser.parse(try #require(Base64.decode(token)))
        #expect(inside["offset"]?.integer == 50)
        #expect(inside["count"]?.integer == 117)
    }

    @Test func `a token survives a restart`() async throws {
        let token = continuation(try await api.call(.get, "/v1/a"))
        let restarted = TestDispatcher([numbers("/v1/a", "a")])
        let answer = try await restarted.call(.get, "/v1/a?continue=\(encoded(token))")
        #expect(answer.json["items"]?.elements?.first?.integer == 50)
    }

    @Test func `a token of another tenant, project, list or server is refused`() async throws {
        let token = encoded(continuation(try await api.call(.get, "/v1/a")))
        let otherServer = TestDispatcher(
            [numbers("/v1/a", "a")],
            cursorKey: [UInt8](repeating: 8, count: 32)
        )
        let answers = [
            try await api.call(.get, "/v1/a?continue=\(token)", as: "other-admin"),
            try await api.call(.get, "/v1/a?continue=\(token)", project: "p1"),
            try await api.call(.get, "/v1/b?continue=\(token)"),
            try await otherServer.call(.get, "/v1/a?continue=\(token)"),
        ]
        for answer in answers {
            #expect(answer.status == 400)
            #expect(answer.faults == ["query/continue InvalidContinue"])
        }
    }

    @Test func `a changed token is refused`() async throws {
        let token = continuation(try await api.call(.get, "/v1/a"))
        let bytes = try #require(Base64.decode(token))
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let answer = try await api.call(
                .get,
                "/v1/a?continue=\(encoded(Base64.encode(changed)))"
            )
            // The count is for the caller to read; nothing is looked up by it.
            let isCount = answer.status == 200
            if isCount { #expect(answer.json["items"]?.elements?.first?.integer == 50) }
            #expect(answer.status == 400 || isCount)
        }
    }

    @Test(arguments: ["limit=-1", "limit=x", "offset=-1", "offset=99999999999", "continue=x"])
    func `a parameter that does not fit is refused`(query: String) async throws {
        let answer = try await api.call(.get, "/v1/a?\(query)")
        #expect(answer.status == 400)
        #expect(answer.code == "InvalidRequest")
        #expect(answer.faults.count == 1)
    }

    @Test func `all wrong parameters are named at once`() async throws {
        let answer = try await api.call(.get, "/v1/a?limit=x&offset=y&continue=z")
        #expect(answer.faults.count == 3)
    }
}
