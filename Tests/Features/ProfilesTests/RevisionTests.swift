import APIKit
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Profiles

@Suite("Revisions")
struct RevisionTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        for version in ["4.0.1", "4.1.0"] { try await bench.importPack("logs", version) }
    }

    /// A profile whose layer `logs` was published with each of these values in turn.
    func profile(_ values: [String]) async throws -> String {
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": "4.0.1", "values": .string(values.first ?? "")]],
            publish: true
        )
        for text in values.dropFirst() {
            try await change(uid, text)
            try await bench.publish(uid)
        }
        return uid
    }

    func change(_ uid: String, _ values: String, tag: String = "4.0.1") async throws {
        let layer: JSONValue = [
            "pack": ["name": "logs", "tag": .string(tag), "values": .string(values)]
        ]
        let answer = try await call(.put, uid, "/packs/logs", layer)
        try #require(answer.status == 204, "\(answer.text)")
    }

    func call(
        _ method: HTTPMethod,
        _ uid: String,
        _ target: String,
        _ body: JSONValue? = nil,
        as credential: String = "admin",
        project: String = "p1"
    ) async throws -> TestAnswer {
        try await bench.api.call(
            method,
            "/v1/clusterprofiles/\(uid)\(target)",
            as: credential,
            project: project,
            body: body
        )
    }

    @Test func `are listed in pages, the newest first, with note and author`() async throws {
        let uid = try await profile(["a: 1\n", "a: 2\n"])
        try await change(uid, "a: 3\n")
        let published = try await call(.patch, uid, "/publish?note=Less%20noise")
        #expect(published.status == 204)
        let first = try await call(.get, uid, "/revisions?limit=2").json
        #expect(first["items"]?.elements?.map { $0["number"] } == [3, 2])
        #expect(first.at("items/0/note") == "Less noise")
        #expect(first.at("items/0/cause") == "publish")
        #expect(first.at("items/1/note")?.text?.hasPrefix("Published profile 'site'") == true)
        #expect(first.at("items/0/createdBy")?.text?.isEmpty == false)
        let token = try #require(first.at("listmeta/continue")?.text)
        let rest = try await call(.get, uid, "/revisions?limit=2&continue=\(token)").json
        #expect(rest["items"]?.elements?.map { $0["number"] } == [1])
        #expect(rest.at("listmeta/count") == 3)
        let audit = try bench.database.read { tx in
            try tx.all("SELECT message FROM audit WHERE action = 'publish'") { $0.text(0) }
        }
        #expect(audit.last?.hasSuffix("as revision 3. Note: Less noise") == true)
    }

    @Test(arguments: ["ab", String(repeating: "x", count: 256), "two%0Alines"])
    func `refuse a note that is none`(note: String) async throws {
        let uid = try await profile(["a: 1\n"])
        let before = try bench.state()
        let answer = try await call(.patch, uid, "/publish?note=\(note)")
        #expect(answer.faults == ["query/note InvalidNote"])
        #expect(try bench.state() == before)
    }

    @Test func `are shown whole`() async throws {
        let uid = try await profile(["a: 1\n", "a: 2\n"])
        let shown = try await call(.get, uid, "/revisions/1").json
        #expect(shown["number"] == 1)
        #expect(shown.at("layers/0/values") == "a: 1\n")
        #expect(shown.at("layers/0/version") == "4.0.1")
        #expect(shown.at("layers/0/manifests/0/content")?.text?.contains("Namespace") == true)
        for (target, status) in [("/revisions/9", 404), ("/revisions/x", 404)] {
            #expect(try await call(.get, uid, target).status == UInt16(status), "\(target)")
        }
    }

    @Test func `are compared line by line, without their secrets`() async throws {
        let uid = try await profile(["a: 1\npassword: old\nb: 1\n", "a: 1\npassword: new\nb: 2\n"])
        let answer = try await call(.get, uid, "/revisions/diff?from=1&to=2")
        #expect(answer.json.at("layers/0/effect") == "restarted")
        #expect(answer.json.at("layers/0/changes") == ["values"])
        #expect(
            answer.json.at("layers/0/values") == """
                @@ -1,3 +1,3 @@
                 a: 1
                -password: ********
                -b: 1
                +password: ********
                +b: 2

                """
        )
        #expect(!answer.text.contains("old") && !answer.text.contains("new"))
        // Without numbers: the published one and the one before.
        #expect(try await call(.get, uid, "/revisions/diff").text == answer.text)
        let all = try await call(.get, uid, "/revisions/diff?to=1").json
        #expect(all.at("layers/0/effect") == "installed")
        #expect(all.at("from") == 0)
    }

    @Test func `say what a new version changes, and what came and went`() async throws {
        let uid = try await profile(["a: 1\n"])
        try await change(uid, "a: 1\n", tag: "4.1.0")
        let manifest: JSONValue = ["name": "extra", "content": "kind: List\n"]
        #expect(try await call(.post, uid, "/packs/logs/manifests", manifest).status == 201)
        try await bench.publish(uid)
        let shown = try await call(.get, uid, "/revisions/diff").json
        #expect(shown.at("layers/0/effect") == "replaced")
        #expect(shown.at("layers/0/from/version") == "4.0.1")
        #expect(shown.at("layers/0/to/version") == "4.1.0")
        #expect(shown.at("layers/0/values") == "")
        #expect(shown.at("layers/0/manifests/0/change") == "added")
        #expect(shown.at("layers/0/manifests/0/diff") == "@@ -0,0 +1,1 @@\n+kind: List\n")
        #expect(shown.at("layers/0/manifests")?.elements?.count == 1)
    }

    @Test func `come back as new ones, and the draft follows`() async throws {
        let uid = try await profile(["a: 1\n", "a: 2\n"])
        let answer = try await call(.post, uid, "/revisions/1/rollback?note=Too%20loud")
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.json["number"] == 3)
        let shown = try await bench.get(uid)
        #expect(shown.at("spec/published/packs/0/values") == "a: 1\n")
        #expect(shown.at("spec/draft/packs/0/values") == "a: 1\n")
        #expect(bench.revisionNumbers == [1, 2, 3])
        #expect(try bench.audit().last == "rollback")
        let list = try await call(.get, uid, "/revisions").json
        #expect(list.at("items/0/cause") == "rollback")
        #expect(list.at("items/0/note") == "Too loud")
        #expect(list.at("items/0/digest") == list.at("items/2/digest"))
        // The draft is what is published: publishing makes nothing.
        try await bench.publish(uid)
        #expect(bench.revisionNumbers == [1, 2, 3])
    }

    @Test func `come back without taking edits that are not published`() async throws {
        let uid = try await profile(["a: 1\n", "a: 2\n"])
        try await change(uid, "a: 3\n")
        #expect(try await call(.post, uid, "/revisions/1/rollback").status == 201)
        let shown = try await bench.get(uid)
        #expect(shown.at("spec/published/packs/0/values") == "a: 1\n")
        #expect(shown.at("spec/draft/packs/0/values") == "a: 3\n")
    }

    @Test func `are not rolled back to by who may not, nor to what is there`() async throws {
        let uid = try await profile(["a: 1\n", "a: 2\n"])
        let before = try bench.state()
        let target = "/revisions/1/rollback"
        #expect(try await call(.post, uid, "/revisions/2/rollback").status == 409)
        #expect(try await call(.post, uid, "/revisions/7/rollback").status == 404)
        #expect(try await call(.post, uid, target, as: "reader").status == 403)
        #expect(try await call(.post, uid, target, as: "other-admin", project: "q1").status == 404)
        #expect(try await call(.post, uid, target, project: "p2").status == 404)
        #expect(try bench.state() == before)
    }

    @Test func `are blamed for their lines and values`() async throws {
        let uid = try await profile([
            "pack:\n  name: a\nsize: 1\n", "pack:\n  name: b\nsize: 1\n",
            "# why\npack:\n  name: b\nsize: 1\ntoken: x\n",
        ])
        let lines = try await call(.get, uid, "/revisions/blame?layer=logs").json
        #expect(
            lines["items"]?.elements?.map { $0["text"] } == [
                "# why", "pack:", "  name: b", "size: 1", "token: ********",
            ]
        )
        #expect(
            lines["items"]?.elements?.map { $0.at("revision/number") } == [3, 1, 2, 1, 3]
        )
        let value = try await call(
            .get,
            uid,
            "/revisions/blame?layer=logs&path=/pack/name"
        ).json
        #expect(value["items"]?.elements?.count == 1)
        #expect(value.at("items/0/line") == 3)
        #expect(value.at("items/0/revision/number") == 2)
        let one = try await call(.get, uid, "/revisions/blame?layer=logs&line=4").json
        #expect(one.at("items/0/revision/number") == 1)
    }

    @Test(arguments: [
        ("", 400), ("?layer=none", 404), ("?layer=logs&line=9", 404),
        ("?layer=logs&path=/none", 404), ("?layer=logs&path=x", 400),
        ("?layer=logs&manifest=none", 404), ("?layer=logs&line=x", 400),
    ])
    func `are not blamed for what is not there`(query: String, status: Int) async throws {
        let uid = try await profile(["a: 1\n"])
        let answer = try await call(.get, uid, "/revisions/blame\(query)")
        #expect(answer.status == UInt16(status), "\(answer.text)")
    }

    @Test func `go when there are too many, the published one never`() async throws {
        let uid = try await profile(["a: 1\n"])
        for number in 2...6 {
            try await change(uid, "a: \(number)\n")
            try await bench.publish(uid)
        }
        try bench.database.writeBlocking { tx in
            try RevisionStore.purge(of: uid, keeping: 1, countMax: 3, tx)
        }
        let some = try await call(.get, uid, "/revisions").json
        #expect(some["items"]?.elements?.map { $0["number"] } == [6, 5, 4])
        try bench.database.writeBlocking { tx in
            try RevisionStore.purge(of: uid, keeping: 1, countMax: 3, tx)
            try RevisionStore.purge(of: uid, keeping: 1, countMax: 3, tx)
        }
        let rest = try await call(.get, uid, "/revisions").json
        #expect(rest["items"]?.elements?.map { $0["number"] } == [6, 5])
    }
}

@Suite("Differences of texts")
struct LineDiffTests {
    /// What the steps make of the old text.
    private func applied(_ steps: [LineDiff.Step], _ old: [Substring], _ new: [Substring])
        -> (old: [Substring], new: [Substring])
    {
        var (before, after): ([Substring], [Substring]) = ([], [])
        for step in steps {
            switch step {
            case .keep(let one, let other):
                before.append(old[one])
                after.append(new[other])
            case .remove(let one): before.append(old[one])
            case .add(let other): after.append(new[other])
            }
        }
        return (before, after)
    }

    @Test func `give both texts back, and keep what they share`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            func text() -> [Substring] {
                (0..<Int.random(in: 0...12, using: &random)).map { _ in
                    ["a", "b", "c"][Int.random(in: 0...2, using: &random)]
                }
            }
            let (old, new) = (text(), text())
            let steps = LineDiff(old, new).steps
            let made = applied(steps, old, new)
            #expect(made.old == old && made.new == new, "\(old) \(new)")
            for case .keep(let one, let other) in steps { #expect(old[one] == new[other]) }
        }
    }

    @Test func `are the shortest`() {
        let steps = LineDiff(["a", "b", "c", "a", "b", "b", "a"], ["c", "b", "a", "b", "a", "c"])
            .steps
        #expect(steps.filter { if case .keep = $0 { false } else { true } }.count == 5)
    }

    @Test func `stay bounded when nothing is alike`() {
        let old = (0..<20_000).map { Substring("old \($0)") }
        let new = (0..<20_000).map { Substring("new \($0)") }
        #expect(LineDiff(old, new).steps.count == 40_000)
    }

    @Test(arguments: [
        ("password: x", "password: ********"), ("  apiKey: \"x\" # y", "  apiKey: ********"),
        ("- token: x", "- token: ********"), ("secretName: x", "secretName: x"),
        ("secret:", "secret:"), ("password: {{ .spectro.macro.pw }}", nil),
        ("auth: {user: a, password: b}", "auth: ********"), ("# password: x", nil),
        ("\"client_secret\": \"x\",", "\"client_secret\": ********"),
    ])
    func `show no secret`(line: String, shown: String?) {
        #expect(SecretMask.masked([Substring(line)]) == [shown ?? line])
    }

    @Test func `show no Secret and no private key`() {
        let text = """
            kind: Secret
            metadata: {name: a}
            data:
              one: c2VjcmV0
              two: |
                more
                more
            ---
            kind: ConfigMap
            data:
              one: open
              tls.key: |
                -----BEGIN EC PRIVATE KEY-----
                MHcCAQ
                -----END EC PRIVATE KEY-----
              two: open
            """
        let shown = SecretMask.masked(LineDiff.lines(text))
        #expect(shown.count == LineDiff.lines(text).count)
        let joined = shown.joined(separator: "\n")
        for secret in ["c2VjcmV0", "more", "MHcCAQ"] { #expect(!joined.contains(secret)) }
        #expect(joined.contains("one: open") && joined.contains("two: open"))
    }
}
