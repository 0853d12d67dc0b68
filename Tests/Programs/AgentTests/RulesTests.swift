import AgentContract
import Testing

@testable import easel_agent

@Suite("Backing off")
struct BackoffTests {
    @Test func `doubles its ceiling up to five minutes and stays below it`() {
        var random = SplitMix(seed: 7)
        var backoff = Backoff()
        var ceilings: [Int64] = []
        for _ in 0..<2000 {
            let ceiling = backoff.ceiling
            ceilings.append(ceiling)
            let wait = backoff.next(retryAfter: nil, random: random.next())
            #expect(wait > .zero && wait <= .milliseconds(ceiling))
        }
        #expect(ceilings.prefix(4) == [1000, 2000, 4000, 8000])
        #expect(ceilings.max() == 300_000)
        backoff.reset()
        #expect(backoff.ceiling == 1000)
    }

    @Test(arguments: [UInt64.min, 1, .max])
    func `never comes before the server's time, and at most an hour after`(random: UInt64) {
        var backoff = Backoff()
        let wait = backoff.next(retryAfter: 120, random: random)
        #expect(wait >= .seconds(120) && wait < .seconds(121))
        #expect(backoff.next(retryAfter: .max, random: random) < .seconds(3602))
        #expect(backoff.next(retryAfter: -5, random: random) <= .seconds(300))
    }
}

@Suite("Names of files")
struct SafeNameTests {
    @Test(arguments: ["log-shipper", "hello_world.yaml", "A.1"])
    func `keeps a fit name`(name: String) { #expect(SafeName.make(name) == name) }

    @Test(arguments: ["", ".", "..", "../x", "/etc", ".layer", "a b", "ä", "a\u{0}b", "a\nb"])
    func `makes a name that stays in its folder`(name: String) {
        let safe = SafeName.make(name)
        #expect(safe != name && !safe.hasPrefix(".") && !safe.contains("/"))
        #expect(safe.utf8.allSatisfy { (0x21...0x7E).contains($0) })
    }

    @Test func `tells apart what differs, and bounds the length`() {
        #expect(SafeName.make("a b") != SafeName.make("a/b"))
        let long = String(repeating: "x", count: 5000)
        #expect(SafeName.make(long).utf8.count <= 130)
        #expect(SafeName.make(long) != SafeName.make(long + "x"))
    }
}

@Suite("Deciding what to do")
struct ReconcilerTests {
    private func applied(_ profile: SampleProfile) -> [String: AppliedLayer?] {
        var layers: [String: AppliedLayer?] = [:]
        for wanted in WantedLayer.list([profile.revision]) {
            layers.updateValue(
                AppliedLayer(wanted, siteDigest: "", number: nil, files: []),
                forKey: wanted.folder
            )
        }
        return layers
    }

    private func plan(_ profile: SampleProfile, _ there: [String: AppliedLayer?]) -> [String] {
        Reconciler.plan(
            wanted: WantedLayer.list([profile.revision]),
            applied: there,
            siteDigest: "s"
        ).map { action in
            switch action {
            case .apply(let layer, let replacing):
                (["+" + layer.folder] + replacing).joined(separator: " ")
            case .remove(let folder): "-" + folder
            }
        }
    }

    private let three = Samples.profile([
        SampleLayer(name: "a", order: 1), SampleLayer(name: "b", order: 2),
        SampleLayer(name: "c", order: 3),
    ])

    @Test func `applies in order, skips what is there, removes in reverse`() {
        #expect(plan(three, [:]) == ["+001-a", "+002-b", "+003-c"])
        #expect(plan(three, applied(three)).isEmpty)
        #expect(plan(Samples.profile([]), applied(three)) == ["-003-c", "-002-b", "-001-a"])
    }

    @Test func `applies what changed and what is damaged`() {
        let changed = Samples.profile([
            SampleLayer(name: "a", order: 1), SampleLayer(name: "b", order: 2, values: "x: 1\n"),
            SampleLayer(name: "c", order: 3),
        ])
        #expect(plan(changed, applied(three)) == ["+002-b"])
        var there = applied(three)
        there.updateValue(nil, forKey: "001-a")
        there.updateValue(nil, forKey: "999-who")
        #expect(plan(three, there) == ["+001-a", "-999-who"])
    }

    @Test func `keeps a layer's old place until its new one stands`() {
        let moved = Samples.profile([
            SampleLayer(name: "b", order: 2), SampleLayer(name: "c", order: 3),
            SampleLayer(name: "a", order: 9),
        ])
        #expect(plan(moved, applied(three)) == ["+009-a 001-a"])
    }

    @Test func `tells layers of two profiles apart`() {
        let first = Samples.profile([SampleLayer(name: "a"), SampleLayer(name: "a")])
        let second = Samples.profile([SampleLayer(name: "a")], uid: "65f0c0ffee00000000000002")
        let folders = WantedLayer.list([first.revision, second.revision]).map(\.folder)
        #expect(Set(folders).count == 3)
    }

    @Test func `takes up no lower number`() {
        let seen = DesiredNumber(epoch: 2, counter: 5)
        #expect(Reconciler.accepts(seen, seen: nil))
        #expect(Reconciler.accepts(seen, seen: seen))
        #expect(Reconciler.accepts(DesiredNumber(epoch: 3, counter: 1), seen: seen))
        #expect(!Reconciler.accepts(DesiredNumber(epoch: 2, counter: 4), seen: seen))
        #expect(!Reconciler.accepts(DesiredNumber(epoch: 1, counter: 9), seen: seen))
    }
}

@Suite("The machine")
struct MachineTests {
    @Test func `is recognised by its IDs and by nothing that changes`() {
        var machine = Machine()
        #expect(machine.fingerprint == nil)
        machine.machineID = "a"
        let fingerprint = machine.fingerprint
        machine.hostName = "renamed"
        #expect(machine.fingerprint == fingerprint)
        machine.machineID = "b"
        #expect(machine.fingerprint != fingerprint)
    }

    @Test func `describes the one that runs this test`() {
        let machine = Machine.current()
        #expect(!machine.hostName.isEmpty && machine.cores > 0 && machine.memoryMB > 0)
        #expect(machine.kernel == "Linux")
    }

    @Test func `reads os-release`() {
        let release = OSRelease("NAME=x\nID=debian\nVERSION_ID=\"12\"\n")
        #expect(release.id == "debian" && release.version == "12")
    }
}

@Suite("Messages of a report")
struct ReportMessageTests {
    @Test func `are cut between characters at what the server takes`() {
        #expect(Reporting.cut("short") == "short")
        let long = Reporting.cut(String(repeating: "ä", count: 5000))
        #expect(long.utf8.count <= Reporting.messageBytesMax && long.hasSuffix("ä…"))
    }
}
