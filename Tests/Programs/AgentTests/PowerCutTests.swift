import AgentContract
import Synchronization
import Testing

@testable import easel_agent

@Suite("An agent whose power is cut")
struct PowerCutTests {
    static let before = Samples.profile([
        SampleLayer(name: "a", order: 10, manifests: ["m": "kind: A\n"]),
        SampleLayer(name: "b", order: 20, values: "v: {{ .site.lanIP }}\n"),
        SampleLayer(name: "c", order: 30),
    ])
    /// A layer changes, one moves and changes, one goes, one comes.
    static let after = Samples.profile(
        [
            SampleLayer(name: "a", order: 10, version: "2.0.0", manifests: ["m": "kind: B\n"]),
            SampleLayer(name: "d", order: 15),
            SampleLayer(name: "b", order: 25, values: "v: 2\n"),
        ],
        number: 2
    )

    private static func site() throws -> SiteProperties {
        try SiteProperties(yaml: Array(siteYAML.utf8))
    }

    /// What each layer's folder may hold: all of the former or all of the new.
    private static func isWhole(_ disk: MemoryDisk) throws -> Bool {
        // The next start tidies up first.
        let layers = try DirectoryApplier(disk: disk, root: "/applied").layers()
        let former = try Samples.tree(before, site())
        let new = try Samples.tree(after, site())
        for folder in layers.keys {
            let files = disk.files(below: "/applied/\(folder)")
                .filter { $0.key != DirectoryApplier.recordName }
            let isOne = [former, new].contains { tree in
                files == Self.part(of: tree, folder)
            }
            guard isOne, !files.isEmpty else { return false }
        }
        return true
    }

    private static func part(
        of tree: [String: [UInt8]],
        _ folder: String
    ) -> [String: [UInt8]] {
        var part: [String: [UInt8]] = [:]
        for (path, bytes) in tree where path.hasPrefix(folder + "/") {
            part[String(path.dropFirst(folder.count + 1))] = bytes
        }
        return part
    }

    private func bench(canExchange: Bool) throws -> (MemoryDisk, FakeTime, FakeServer) {
        let disk = MemoryDisk(canExchange: canExchange)
        let time = FakeTime()
        disk.put("/unattended.yaml", Array(siteYAML.utf8))
        disk.put("/systemprofile.tgz", try Samples.archive(Self.before))
        let server = FakeServer(time)
        server.inside.withLock { $0.profiles = [Self.before] }
        return (disk, time, server)
    }

    private func run(_ disk: MemoryDisk, _ time: FakeTime, _ server: FakeServer) async -> Bool {
        let options = FollowerOptions(root: "", once: true)
        return await Follower(options, time.surroundings(disk, server)).run()
    }

    private func expectRightEnd(_ disk: MemoryDisk, _ server: FakeServer) throws {
        let tree = disk.files(below: "/applied")
            .filter { !$0.key.hasSuffix(DirectoryApplier.recordName) }
        #expect(try tree == Samples.tree(Self.after, Self.site()))
        #expect(
            Set(disk.files(below: "/blobs").keys.map { "sha256:" + $0 })
                == Set(Self.after.parts.keys)
        )
        try server.inside.withLock { inside in
            let sequences = inside.reports.map(\.sequence)
            #expect(Set(sequences).count == sequences.count && sequences == sequences.sorted())
            let last = try #require(inside.reports.last)
            #expect(last.health == "healthy")
            #expect(last.observed == inside.number.text)
            #expect(inside.stale == 0)
        }
    }

    @Test(arguments: [true, false])
    func `has each layer whole after a cut at any step, and ends in the right tree`(
        canExchange: Bool
    ) async throws {
        var step = 1
        var wasCut = true
        while wasCut {
            let (disk, time, server) = try bench(canExchange: canExchange)
            #expect(await run(disk, time, server))
            server.publish(Self.after)
            disk.cut(at: step)
            wasCut = await !run(disk, time, server)
            disk.cut(at: nil)
            #expect(try Self.isWhole(disk), "after a cut at step \(step)")
            #expect(await run(disk, time, server), "after a cut at step \(step)")
            try expectRightEnd(disk, server)
            step += 1
        }
        #expect(step > 40)
    }

    @Test func `pairs and applies after a cut at any step of the first start`() async throws {
        var step = 1
        var wasCut = true
        while wasCut {
            let (disk, time, server) = try bench(canExchange: true)
            disk.cut(at: step)
            wasCut = await !run(disk, time, server)
            disk.cut(at: nil)
            server.publish(Self.after)
            #expect(await run(disk, time, server), "after a cut at step \(step)")
            try expectRightEnd(disk, server)
            step += 1
        }
        #expect(step > 20)
    }

    @Test(arguments: 1...60)
    func `survives many cuts, also while it tidies up`(seed: UInt64) async throws {
        var random = SplitMix(seed: seed)
        let (disk, time, server) = try bench(canExchange: seed.isMultiple(of: 2))
        for round in 0..<12 {
            if round == 6 { server.publish(Self.after) }
            disk.cut(at: Int.random(in: 1...70, using: &random))
            _ = await run(disk, time, server)
            disk.cut(at: nil)
            #expect(try Self.isWhole(disk), "seed \(seed), round \(round)")
        }
        #expect(await run(disk, time, server), "seed \(seed)")
        try expectRightEnd(disk, server)
    }
}
