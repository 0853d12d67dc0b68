import AgentContract
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import AgentSync

/// Random numbers that a seed determines.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func happens(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }
}

/// What the server remembers of one appliance; a poll comes each half minute.
private struct Watched {
    var watch = PollWatch()
    private var now = MonotonicTime(nanoseconds: 1)

    mutating func take(
        _ stamp: PollStamp,
        after milliseconds: Int64 = 30_000
    ) -> PollWatch.Finding {
        now = now.adding(milliseconds: milliseconds)
        return watch.take(stamp, at: now)
    }

    mutating func pass(hours: Int64) { now = now.adding(milliseconds: hours * 3_600_000) }
}

@Suite("Several machines with one credential") struct PollWatchTests {
    @Test func `of a stamp every form but one is refused`() {
        func read(_ text: String) -> PollStamp? { PollStamp(text: Array(text.utf8)[...]) }
        let stamp = PollStamp(run: .max, count: 999_999_999_999_999_999)
        #expect(read(stamp.text) == stamp)
        #expect(read("a.1") == PollStamp(run: 10, count: 1))
        for text in ["", ".", "a.", ".1", "0.1", "A.1", "a.1.1", "a.-1", "a 1", "a.1 "] {
            #expect(read(text) == nil, "\(text)")
        }
    }

    /// One agent: it is started again, loses polls, and a poll of a life that has ended comes in
    /// late; a proxy repeats what it has seen; the server forgets everything now and then.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `an agent alone is never taken for two`(_ seed: UInt64) {
        var dice = Dice(state: seed)
        var watched = Watched()
        var stamp = PollStamp.start(random: dice.next())
        var heldUp: PollStamp?
        var taken: [PollStamp] = []
        for _ in 0..<2000 {
            if dice.happens(2) { (watched.watch, taken) = (PollWatch(), []) }
            if dice.happens(10) {
                // It ends, perhaps in the middle of a poll. What the disk holds does not matter.
                if dice.happens(50) { heldUp = stamp.next }
                stamp = .start(random: dice.next())
            }
            stamp = stamp.next
            // Of a life that has just begun the first poll arrives: it is sent until it does.
            if stamp.count > 1, dice.happens(10) { continue }
            #expect(watched.take(stamp) == .single, "seed \(seed)")
            if let late = heldUp, dice.happens(50) {
                heldUp = nil
                #expect(watched.take(late) == .single, "seed \(seed)")
                taken.append(late)
            }
            // Of the life that goes on a proxy repeats the last poll only, as it is answered then.
            if dice.happens(20), let copy = taken.suffix(20).randomElement(using: &dice),
                copy.run != stamp.run
            {
                #expect(watched.take(copy) == .single, "seed \(seed)")
            }
            taken.append(stamp)
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `an agent that starts again and again is none, even when its polls come late`(
        _ seed: UInt64
    ) {
        var dice = Dice(state: seed)
        var watched = Watched()
        var late: [PollStamp] = []
        for _ in 0..<2000 {
            var stamp = PollStamp.start(random: dice.next())
            for _ in 0..<Int.random(in: 1...3, using: &dice) {
                stamp = stamp.next
                #expect(watched.take(stamp) == .single, "seed \(seed)")
                if !late.isEmpty, dice.happens(30) {
                    let place = Int.random(in: late.indices, using: &dice)
                    #expect(watched.take(late.remove(at: place)) == .single, "seed \(seed)")
                }
            }
            if dice.happens(30) { late.append(stamp.next) }
            if late.count > 3 { late.removeFirst() }
        }
    }

    /// Two agents of one disk, in any order.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `two agents are found out, and the one that was first is named`(_ seed: UInt64) {
        var dice = Dice(state: seed)
        var watched = Watched()
        var first = PollStamp.start(random: dice.next())
        for _ in 0..<Int.random(in: 1...50, using: &dice) {
            first = first.next
            #expect(watched.take(first) == .single)
        }
        var second = PollStamp.start(random: dice.next())
        let share = Int.random(in: 35...65, using: &dice)
        for number in 1...80 {
            let isFirst = number > 1 && dice.happens(share)
            if isFirst { first = first.next } else { second = second.next }
            switch watched.take(isFirst ? first : second) {
            case .single: continue
            case .cloned(let older):
                #expect(older == first.run, "seed \(seed)")
                return
            }
        }
        Issue.record("not found in 80 polls, seed \(seed)")
    }

    @Test(arguments: 2...PollWatch.runsMax)
    func `so are more that take turns`(_ machines: Int) {
        var stamps = (1...machines).map { PollStamp.start(random: UInt64($0)) }
        var watched = Watched()
        for _ in 0...Int(PollWatch.returnsMax) {
            for place in stamps.indices {
                stamps[place] = stamps[place].next
                let finding = watched.take(stamps[place])
                guard finding != .single else { continue }
                #expect(finding == .cloned(older: 1))
                return
            }
        }
        Issue.record("not found")
    }

    @Test(arguments: [9, 10, 12], 1...5 as ClosedRange<UInt64>)
    func `and more of them than are remembered, within a day`(_ machines: Int, _ seed: UInt64) {
        var dice = Dice(state: seed)
        var stamps = (1...machines).map { _ in PollStamp.start(random: dice.next()) }
        var watched = Watched()
        for _ in 0..<2880 {
            for place in stamps.indices {
                stamps[place] = stamps[place].next
                // Each machine polls each half minute.
                let finding = watched.take(stamps[place], after: 30_000 / Int64(machines))
                guard case .cloned(let older) = finding else { continue }
                #expect(stamps.contains { $0.run == older })
                return
            }
        }
        Issue.record("not found in a day")
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `and more that poll in any order, of which not the last one is named`(_ seed: UInt64) {
        var dice = Dice(state: seed)
        let machines = Int.random(in: 3...12, using: &dice)
        var stamps: [PollStamp] = []
        var watched = Watched()
        for _ in 0..<100 {
            if stamps.count < machines { stamps.append(.start(random: dice.next())) }
            let place = Int.random(in: stamps.indices, using: &dice)
            stamps[place] = stamps[place].next
            let finding = watched.take(stamps[place])
            guard case .cloned(let older) = finding else { continue }
            #expect(stamps.contains { $0.run == older }, "seed \(seed)")
            return
        }
        Issue.record("not found in 100 polls, seed \(seed)")
    }

    @Test(arguments: [13, 100, 700])
    func `a copy that polls rarely is found out`(_ often: Int) {
        var watched = Watched()
        var (first, second) = (PollStamp.start(random: 1), PollStamp.start(random: 2))
        for _ in 0...PollWatch.returnsMax {
            for _ in 0..<often {
                first = first.next
                let finding = watched.take(first)
                guard finding == .single else {
                    #expect(finding == .cloned(older: 1))
                    return
                }
            }
            second = second.next
            #expect(watched.take(second) == .single)
        }
        Issue.record("not found")
    }

    @Test func `a copy that starts again before each poll is found out too`() {
        var watched = Watched()
        var first = PollStamp.start(random: 1)
        var findings: [PollWatch.Finding] = []
        for run in 0...UInt64(PollWatch.returnsMax) {
            first = first.next
            findings.append(watched.take(first))
            #expect(watched.take(PollStamp.start(random: 2 + run).next) == .single)
        }
        #expect(findings.last == .cloned(older: 1))
        #expect(findings.dropLast().allSatisfy { $0 == .single })
    }

    @Test func `what is a day ago counts no more`() {
        var watched = Watched()
        var (first, second) = (PollStamp.start(random: 1), PollStamp.start(random: 2))
        for _ in 0..<100 {
            (first, second) = (first.next, second.next)
            #expect(watched.take(first) == .single)
            watched.pass(hours: 13)
            #expect(watched.take(second) == .single)
            watched.pass(hours: 13)
        }
    }

    @Test func `machines that were copied as they ran share a run and cannot be told apart`() {
        var watched = Watched()
        var one = PollStamp.start(random: 7)
        for _ in 0..<100 {
            one = one.next
            #expect(watched.take(one) == .single)
        }
        // One is a poll ahead soon, as each waits for another time.
        var other = one
        one = one.next
        #expect(watched.take(one) == .single)
        var findings: [PollWatch.Finding] = []
        for _ in 0..<PollWatch.fallsMax {
            (one, other) = (one.next, other.next)
            findings += [watched.take(one), watched.take(other)]
        }
        #expect(findings.last == .cloned(older: nil))
        #expect(findings.dropLast().allSatisfy { $0 == .single })
    }

    @Test func `a proxy that sends polls twice is no second machine`() {
        var watched = Watched()
        var stamp = PollStamp.start(random: 7)
        for _ in 0..<100 {
            stamp = stamp.next
            #expect(watched.take(stamp) == .single)
            #expect(watched.take(stamp) == .single)
        }
    }

    @Test func `agents that send no stamp are left alone`() {
        var watched = Watched()
        for _ in 0..<1000 { #expect(watched.take(.none) == .single) }
        // An update brings a stamp.
        var stamp = PollStamp.start(random: 1)
        for _ in 0..<1000 {
            stamp = stamp.next
            #expect(watched.take(stamp) == .single)
        }
    }
}

@Suite("A copied disk") struct CloneTests {
    /// Two machines that take turns until the server has found out.
    private func poll(
        _ fleet: Fleet,
        _ credential: String,
        after start: Int = 0
    ) async throws -> [String: UInt16] {
        var statuses: [String: UInt16] = [:]
        for number in start + 1...start + 5 {
            for run in ["aaaa", "bbbb"] {
                statuses[run] = try await fleet.poll(
                    "device-1",
                    credential,
                    stamp: "\(run).\(number)"
                ).status
            }
        }
        return statuses
    }

    @Test func `the newer machine is paused, both are shown, and the older one goes on`()
        async throws
    {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        #expect(try await poll(fleet, credential) == ["aaaa": 200, "bbbb": 409])
        #expect(try await fleet.events(of: "device-1").count { $0 == "CloneDetected" } == 1)
        let status = try await fleet.appliance("device-1")["status"]
        #expect(status?["pausedReason"]?.text == "identity-conflict")
        let refused = try await fleet.poll("device-1", credential, stamp: "bbbb.9", wait: 60)
        #expect(refused.code == "IdentityConflict")
        #expect((60...120).contains(Int(refused.header("Retry-After") ?? "") ?? 0))
        // What the paused one tells is not taken either.
        for (run, expected) in [("bbbb", 409), ("aaaa", 204)] as [(String, UInt16)] {
            let beat = try await fleet.api.call(
                .patch,
                "/v1/edgehosts/device-1/health",
                as: credential,
                headers: [("Easel-Poll", "\(run).9")],
                body: ["state": "healthy", "message": .string(run)]
            )
            #expect(beat.status == expected)
        }
        // Nor an agent without a stamp, nor a third machine.
        #expect(try await fleet.poll("device-1", credential).status == 409)
        #expect(try await fleet.poll("device-1", credential, stamp: "cccc.1").status == 409)
    }

    @Test func `it outlives a restart of the server`() async throws {
        let options = try TestDatabase.options()
        let credential: String
        do {
            let fleet = try Fleet(options: options)
            credential = try await fleet.paired("device-1")
            _ = try await poll(fleet, credential)
            fleet.database.close()
        }
        let fleet = try Fleet(options: options, isNew: false)
        try fleet.agents.load()
        #expect(try await fleet.poll("device-1", credential, stamp: "bbbb.20").status == 409)
        #expect(try await fleet.poll("device-1", credential, stamp: "aaaa.20").status == 200)
    }

    @Test func `after a resume one machine is followed, and two are found out again`()
        async throws
    {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        _ = try await poll(fleet, credential)
        let resumed = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/resume",
            project: "p1"
        )
        #expect(resumed.status == 204)
        #expect(try await fleet.poll("device-1", credential, stamp: "bbbb.30").status == 200)
        let statuses = try await poll(fleet, credential, after: 30)
        #expect(statuses == ["aaaa": 409, "bbbb": 200])
        #expect(try await fleet.events(of: "device-1").count { $0 == "CloneDetected" } == 2)
    }

    @Test func `replacing the host ends it for both`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        _ = try await poll(fleet, credential)
        _ = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/replace",
            project: "p1",
            body: ["hostPairingKey": "next"]
        )
        #expect(try await fleet.poll("device-1", credential, stamp: "aaaa.40").status == 401)
        let next = try await fleet.pair("device-1", key: "next").credential ?? ""
        #expect(try await fleet.poll("device-1", next, stamp: "dddd.1").status == 200)
    }

    @Test func `a stamped poll with nothing new runs no SQL`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let etag = try await fleet.poll("device-1", credential, stamp: "aaaa.1").etag
        let before = fleet.database.statistics
        for number in 2...20 {
            let poll = try await fleet.poll(
                "device-1",
                credential,
                knowing: etag,
                stamp: "aaaa.\(number)"
            )
            #expect(poll.status == 304)
        }
        let after = fleet.database.statistics
        #expect(after.readStatements == before.readStatements)
        #expect(after.writeStatements == before.writeStatements)
    }
}
