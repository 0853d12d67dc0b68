import Appliances
import Primitives
import Storage
import Testing

@Suite("The health of appliances")
struct HealthTests {
    @Test func `turns unhealthy after ten minutes of silence and not before`() {
        let seen = Timestamp(seconds: 1_000_000)
        let healthy = ApplianceHealth(state: .healthy, lastSeenAt: seen)
        #expect(healthy.lookedAt(at: seen.adding(seconds: 599)).state == .healthy)
        #expect(healthy.lookedAt(at: seen.adding(seconds: 600)).state == .unhealthy)
        #expect(healthy.lookedAt(at: seen.adding(seconds: -5)).state == .healthy)
        let unheard = ApplianceHealth()
        #expect(unheard.lookedAt(at: seen).state == .unknown)
        let reported = ApplianceHealth(state: .unhealthy, message: "disk", lastSeenAt: seen)
        #expect(reported.lookedAt(at: seen.adding(seconds: 9999)).message == "disk")
    }

    @Test func `finds the silent ones and logs each change of state once`() async throws {
        let site = try Site()
        try await site.register("a")
        try await site.register("b")
        let start = Timestamp(seconds: 1_000_000)
        try site.database.writeBlocking { tx in
            for (uid, seconds) in [("a", Int64(0)), ("b", 500)] {
                let key = try #require(try ApplianceStore.findAnywhere(uid, tx)).key
                let seen = start.adding(seconds: seconds)
                let health = ApplianceHealth(state: .healthy, lastSeenAt: seen)
                #expect(try ApplianceHealthStore.set(health, of: key, tx))
                #expect(try !ApplianceHealthStore.set(health, of: key, tx))
                try ApplianceHealthStore.touch(key, at: start, tx)
                #expect(try ApplianceHealthStore.find(key, tx).lastSeenAt == seen)
            }
            let silent = try ApplianceHealthStore.listSilent(since: start, limit: 10, tx)
            let key = try #require(try ApplianceStore.findAnywhere("a", tx)).key
            #expect(silent == [key])
            #expect(try ApplianceEventStore.count(of: key, tx) == 2)
        }
    }

    @Test func `keeps the newest thousand events`() async throws {
        let site = try Site()
        try await site.register("a")
        try site.database.writeBlocking { tx in
            let key = try #require(try ApplianceStore.findAnywhere("a", tx)).key
            for number in 1...1005 {
                try ApplianceEventStore.insert(
                    ApplianceEvent(.info, reason: "N", message: "\(number)"),
                    of: key,
                    tx
                )
            }
            #expect(try ApplianceEventStore.count(of: key, tx) == 1000)
            let newest = try ApplianceEventStore.list(
                of: key,
                after: nil,
                offset: 0,
                limit: 1,
                tx
            )
            #expect(newest.first?.event.message == "1005")
        }
    }
}
