import AgentContract
import Synchronization
import Testing

@testable import easel_agent

let siteYAML = """
    device_id: device-153
    lanIP: 192.168.100.12
    dhcp:
      rangeStart: 192.168.100.100
      rangeEnd: 192.168.100.199
    """

/// An appliance in memory beside a server in memory.
struct Bench {
    let disk = MemoryDisk()
    let time = FakeTime()
    let first = Samples.profile([
        SampleLayer(name: "log-shipper", order: 10, charts: ["log.tgz": "chart 1"]),
        SampleLayer(
            name: "gateway",
            order: 30,
            manifests: ["vm": "lan: {{ .site.lanIP }}\n"],
            isVM: true
        ),
    ])

    init(site: String = siteYAML) throws {
        disk.put("/unattended.yaml", Array(site.utf8))
        disk.put("/systemprofile.tgz", try Samples.archive(first))
    }

    func run(
        _ server: FakeServer,
        once: Bool = false,
        wait: Int64? = nil
    ) async -> Bool {
        var options = FollowerOptions(root: "")
        options.once = once
        options.waitSeconds = wait
        return await Follower(options, time.surroundings(disk, server)).run()
    }

    var tree: [String: [UInt8]] {
        disk.files(below: "/applied").filter { !$0.key.hasSuffix(DirectoryApplier.recordName) }
    }
}

@Suite("An agent that follows")
struct FollowerTests {
    @Test func `pairs, applies, follows a change, and removes what is gone`() async throws {
        let bench = try Bench()
        let second = Samples.profile(
            [SampleLayer(name: "log-shipper", order: 10, version: "2.0.0", values: "a: 2\n")],
            number: 2
        )
        let server = FakeServer(bench.time) { server, count in
            if count == 1 { server.publish(second) }
            return count < 2
        }
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await bench.run(server))
        #expect(try bench.tree == Samples.tree(second, SiteProperties(yaml: [])))
        server.inside.withLock { inside in
            #expect(inside.pairings == 1)
            #expect(inside.reports.map(\.health) == ["healthy", "healthy"])
            #expect(
                inside.reports.map(\.layers) == [
                    ["log-shipper=applied", "gateway=applied"],
                    ["log-shipper=applied", "gateway=removed"],
                ]
            )
            #expect(inside.reports.map(\.revision) == [1, 2])
            #expect(inside.reports.map(\.observed) == ["1.10", "1.11"])
            #expect(inside.reports.map(\.sequence) == [1, 2])
            let traces = inside.traces.map { $0.split(separator: "-").map(String.init) }
            #expect(traces.allSatisfy { $0.map(\.count) == [2, 32, 16, 2] }, "\(traces)")
            #expect(Set(traces.map { $0[2] }).count == traces.count)
            // Each poll begins one, which the calls that follow it go on with.
            let polls = zip(inside.log, traces).filter { $0.0.hasSuffix("/desired") }.map {
                $0.1[1]
            }
            #expect(polls.count > 1 && Set(polls).count == polls.count)
            let fetches = zip(inside.log, traces).filter { $0.0.contains("/blobs/") }.map {
                $0.1[1]
            }
            #expect(Set(fetches).isSubset(of: polls))
        }
        #expect(bench.time.said("Paired with https://easel.example:8443 as 'device-153'"))
    }

    @Test func `takes the parts from the archive and fetches only what it lacks`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server)
        // The sample archive leaves charts out.
        let digest = try #require(bench.first.revision.layers[0].charts.first?.part.digest)
        server.inside.withLock { #expect($0.fetches == [digest]) }
        #expect(bench.disk.files(below: "/blobs").count == Set(bench.first.parts.keys).count)
    }

    @Test func `pairs again when its credential was replaced`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { server, count in
            if count == 1 { server.inside.withLock { $0.credential = "easel_agent_other" } }
            return count < 2
        }
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await bench.run(server))
        server.inside.withLock { #expect($0.pairings == 2) }
        #expect(bench.time.said("does not take the appliance's credential"))
    }

    @Test func `keeps everything while the server is behind, and says so once`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { server, count in
            server.inside.withLock {
                $0.isBehind = true
                $0.profiles = []
            }
            return true
        }
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server)
        #expect(
            try bench.tree == Samples.tree(bench.first, SiteProperties(yaml: Array(siteYAML.utf8)))
        )
        #expect(bench.time.lines.count { $0.contains("knows less than") } == 1)
        // An hour of pauses of at least a minute and a half.
        server.inside.withLock { #expect($0.polls.count <= 45) }
        server.inside.withLock { #expect($0.polls.last?.observed == "1.10") }
    }

    @Test func `never takes up a lower state`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { server, _ in
            server.inside.withLock {
                $0.number = .init(epoch: 1, counter: 9)
                $0.profiles = []
            }
            return true
        }
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server)
        #expect(!bench.tree.isEmpty)
        #expect(bench.time.said("offers the state 1.9", "1.10 was seen"))
    }

    @Test(arguments: [
        (404, "register it there"), (401, "does not admit"), (409, "Another machine is paired"),
        (500, "cannot pair now"),
    ])
    func `says why it cannot pair`(status: Int, words: String) async throws {
        let bench = try Bench()
        let refusing = Refusing(
            answer: FakeServer.error(status, status == 409 ? "IdentityConflict" : "Other")
        )
        let options = FollowerOptions(root: "", once: true)
        let follower = Follower(options, bench.time.surroundings(bench.disk, refusing))
        #expect(await !follower.run())
        #expect(bench.time.said(words, "Next attempt in"))
        #expect(bench.tree.isEmpty)
    }

    @Test func `waits as long as a busy server asks`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock {
            $0.isBusyFor = 120
            $0.profiles = [bench.first]
        }
        #expect(await bench.run(server))
        bench.time.inside.withLock { #expect((120_000...121_000).contains($0.slept)) }
    }

    @Test func `applies what the archive holds when nobody answers`() async throws {
        let bench = try Bench()
        let noCharts = Samples.profile([SampleLayer(name: "a"), SampleLayer(name: "b", order: 2)])
        bench.disk.put("/systemprofile.tgz", try Samples.archive(noCharts))
        let server = FakeServer(bench.time)
        server.inside.withLock { $0.isSilent = true }
        #expect(await !bench.run(server))
        #expect(try bench.tree == Samples.tree(noCharts, SiteProperties(yaml: [])))
        #expect(bench.time.said("applying revision 1 of the archive"))
        server.inside.withLock { #expect($0.log.count < 40) }
    }

    @Test func `leaves a layer that lacks a site property and goes on with the others`()
        async throws
    {
        let bench = try Bench(site: "device_id: device-153\n")
        let server = FakeServer(bench.time) { _, count in count < 3 }
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await !bench.run(server))
        server.inside.withLock { inside in
            #expect(inside.reports.map(\.health) == ["unhealthy"])
            #expect(inside.reports[0].layers == ["log-shipper=applied", "gateway=failed"])
        }
        #expect(bench.time.lines.count { $0.contains("has no 'lanIP'") } == 1)
    }

    @Test func `renders again when unattended_yaml changes`() async throws {
        let bench = try Bench()
        let disk = bench.disk
        let server = FakeServer(bench.time) { _, count in
            let changed = Array(siteYAML.utf8) + Array("\nwanIP: 203.0.113.1\n".utf8)
            if count == 1 {
                let text = String(decoding: changed, as: UTF8.self)
                    .replacing("lanIP: 192.168.100.12", with: "lanIP: 10.0.0.1")
                disk.put("/unattended.yaml", Array(text.utf8))
            }
            return count < 2
        }
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await bench.run(server))
        #expect(bench.tree["030-gateway/manifests/vm.yaml"] == Array("lan: 10.0.0.1\n".utf8))
    }

    @Test func `refuses a part with another digest`() async throws {
        let bench = try Bench()
        let digest = try #require(bench.first.revision.layers[0].charts.first?.part.digest)
        let server = FakeServer(bench.time)
        server.inside.withLock {
            $0.profiles = [bench.first]
            $0.liesAbout = [digest]
        }
        #expect(await !bench.run(server))
        server.inside.withLock {
            #expect($0.reports[0].layers == ["log-shipper=pending", "gateway=applied"])
        }
    }

    /// Runs the agent against cuts of one part until it is applied, and gives what was asked for.
    private func ranges(
        cuts: [Int],
        thenSpoils: Bool = false,
        gzips: Bool = false
    ) async throws -> [String?] {
        let bench = try Bench()
        let digest = try #require(bench.first.revision.layers[0].charts.first?.part.digest)
        let server = FakeServer(bench.time)
        server.inside.withLock {
            $0.profiles = [bench.first]
            $0.gzips = gzips
        }
        for count in cuts {
            server.inside.withLock { $0.cutsAfter = [digest: count] }
            _ = await bench.run(server, once: true)
        }
        server.inside.withLock { $0.cutsAfter = [:] }
        let end = gzips ? ".begun-gzip" : ".begun"
        let begun = "\(digest.dropFirst("sha256:".count))\(end)"
        #expect(bench.disk.files(below: "/blobs").keys.contains(begun))
        if thenSpoils {
            bench.disk.put("/blobs/\(begun)", [1, 2, 3])
            _ = await bench.run(server, once: true)
        }
        #expect(await bench.run(server, once: true))
        let site = try SiteProperties(yaml: Array(siteYAML.utf8))
        #expect(try bench.tree == Samples.tree(bench.first, site))
        #expect(!bench.disk.files(below: "/blobs").keys.contains(begun))
        return server.inside.withLock { inside in
            zip(inside.fetches, inside.ranges).filter { $0.0 == digest }.map { $0.1 }
        }
    }

    @Test func `asks for the rest of a part whose connection was cut`() async throws {
        // Nothing came the second time, and two more bytes the third.
        let asked = try await ranges(cuts: [3, 0, 2])
        #expect(asked == [nil, "bytes=3-", "bytes=3-", "bytes=5-"])
    }

    @Test func `begins a part anew when its beginning turns out wrong`() async throws {
        let asked = try await ranges(cuts: [3], thenSpoils: true)
        #expect(asked == [nil, "bytes=3-", nil])
    }

    @Test func `takes parts gzipped, and the rest of one whose connection was cut`() async throws {
        let asked = try await ranges(cuts: [3, 0, 2], gzips: true)
        #expect(asked == [nil, "bytes=3-", "bytes=3-", "bytes=5-"])
        let anew = try await ranges(cuts: [3], thenSpoils: true, gzips: true)
        #expect(anew == [nil, "bytes=3-", nil])
    }

    @Test func `sends a heartbeat at the server's interval when nothing changes`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { _, count in count < 10 }
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await bench.run(server))
        server.inside.withLock { inside in
            #expect(inside.reports.count == 1)
            #expect(inside.heartbeats == 9)
        }
        bench.time.inside.withLock { #expect($0.slept == 0) }
    }

    @Test func `pauses between polls that are not held`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time) { _, _ in true }
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server, wait: 0)
        server.inside.withLock { #expect((100...140).contains($0.polls.count)) }
    }

    @Test func `ends with success once everything is applied and reported`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await bench.run(server, once: true))
        #expect(await bench.run(server, once: false))
        server.inside.withLock { inside in
            #expect(inside.pairings == 1)
            #expect(inside.polls.map(\.etag) == [nil, "\"1.10\""])
            #expect(inside.reports.map(\.sequence) == [1, 2])
        }
    }

    @Test func `waits for missing files`() async throws {
        let bench = try Bench()
        bench.disk.put("/unattended.yaml", nil)
        let server = FakeServer(bench.time)
        #expect(await !bench.run(server, once: true))
        #expect(bench.time.said("Waiting for unattended.yaml in"))
        #expect(await !bench.run(server))
        #expect(bench.time.lines.count { $0.contains("Waiting for") } == 2)
        server.inside.withLock { #expect($0.log.isEmpty) }
    }

    @Test func `goes above report numbers that the server knows already`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock {
            $0.profiles = [bench.first]
            $0.reports = [
                .init(
                    sequence: 1_000_000,
                    observed: "",
                    health: "",
                    layers: [],
                    revision: nil
                )
            ]
        }
        #expect(await bench.run(server))
        server.inside.withLock { inside in
            #expect(inside.stale == 1)
            #expect(inside.reports.count == 2)
        }
    }

    @Test func `pairs under a new ID when the site has another`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server, once: true)
        bench.disk.put("/unattended.yaml", Array("device_id: other\nlanIP: 10.0.0.1\n".utf8))
        #expect(await bench.run(server, once: true))
        server.inside.withLock { #expect($0.pairings == 2) }
        #expect(bench.time.said("is now 'other'"))
    }

    @Test(arguments: ["state/agent.json", "state/desired.json", "state/credential"])
    func `recovers from a damaged file`(name: String) async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock { $0.profiles = [bench.first] }
        #expect(await bench.run(server, once: true))
        let tree = bench.tree
        for damage in [Array("{".utf8), [], [0, 255, 10]] {
            bench.disk.put("/" + name, damage)
            bench.time.advance(seconds: 60)
            #expect(await bench.run(server, once: true))
            #expect(bench.tree == tree)
        }
        server.inside.withLock { inside in
            let sequences = inside.reports.map(\.sequence)
            #expect(sequences == sequences.sorted() && Set(sequences).count == sequences.count)
            #expect(inside.polls.allSatisfy { $0.observed == nil || $0.observed == "1.10" })
        }
    }

    @Test func `heals a layer whose files were changed behind its back`() async throws {
        let bench = try Bench()
        let server = FakeServer(bench.time)
        server.inside.withLock { $0.profiles = [bench.first] }
        _ = await bench.run(server, once: true)
        let tree = bench.tree
        bench.disk.put("/applied/030-gateway/values.yaml", Array("evil: true\n".utf8))
        #expect(await bench.run(server, once: true))
        #expect(bench.tree == tree)
    }
}

/// A server with one answer.
struct Refusing: Courier {
    let answer: CourierAnswer

    func send(_ request: CourierRequest) async throws -> CourierAnswer { answer }
}
