import AgentContract
import Appliances
import Crypto
import Primitives
import Synchronization

/// All appliances as polls need them, in memory: an unchanged poll is answered from here and runs
/// no SQL.
///
/// Writes publish to it after their commit, on the writer's thread and in the order of commits, so
/// it is never ahead of the database and a caller that was answered finds its own write here.
/// Look-ups are spread over shards with a lock each, held for one dictionary access.
package final class FleetIndex: Sendable {
    private static let shardCount = 64

    // Mutex is not copyable, so an array needs a box.
    private final class Shard<Key: Hashable & Sendable>: Sendable {
        let entries = Mutex<[Key: FleetEntry]>([:])
    }

    private let byCredential: [Shard<Digest>]
    private let byUID: [Shard<String>]
    private let profiles = Mutex<[String: FollowedProfile]>([:])
    package let epoch: Int64

    /// - Parameter epoch: the database's epoch, which every desired-state number begins with.
    package init(epoch: Int64) {
        self.epoch = epoch
        byCredential = (0..<Self.shardCount).map { _ in Shard() }
        byUID = (0..<Self.shardCount).map { _ in Shard() }
    }

    private func shard(_ digest: Digest) -> Shard<Digest> {
        byCredential[Int(digest.bytes[0]) % Self.shardCount]
    }

    private func shard(_ uid: String) -> Shard<String> {
        // A cheap spread is enough: IDs of a fleet differ most in their last characters.
        var sum = 0
        for byte in uid.utf8.suffix(4) { sum = (sum &* 31 &+ Int(byte)) & 0xffff }
        return byUID[sum % Self.shardCount]
    }

    // MARK: Look-ups

    /// The appliance whose credential has this digest.
    package func entry(credential digest: Digest) -> FleetEntry? {
        shard(digest).entries.withLock { $0[digest] }
    }

    /// The appliance of this ID, paired or not.
    package func entry(uid: String) -> FleetEntry? {
        shard(uid).entries.withLock { $0[uid] }
    }

    /// The newest revision of a profile, if it has one.
    package func profile(_ uid: String) -> FollowedProfile {
        profiles.withLock { profiles in
            if let known = profiles[uid] { return known }
            let new = FollowedProfile(uid: uid)
            profiles[uid] = new
            return new
        }
    }

    /// Calls the body with every appliance, shard by shard; none is locked meanwhile.
    package func forEach(_ body: (FleetEntry) -> Void) {
        for shard in byUID {
            for entry in shard.entries.withLock({ Array($0.values) }) { body(entry) }
        }
    }

    /// How many appliances there are.
    package var count: Int {
        byUID.reduce(0) { $0 + $1.entries.withLock { $0.count } }
    }

    // MARK: Publishing

    /// Takes up what a committed write says about an appliance, and wakes its parked poll when
    /// its desired state or its credential changed.
    package func publish(_ notice: ApplianceNotice) {
        if notice.isDeleted {
            guard let entry = shard(notice.uid).entries.withLock({
                $0.removeValue(forKey: notice.uid)
            }) else { return }
            if let digest = entry.retire() {
                _ = shard(digest).entries.withLock { $0.removeValue(forKey: digest) }
            }
            return
        }
        let followed = notice.profileUIDs.map(profile)
        let digest = notice.credentialDigest.flatMap(Digest.init(hex:))
        let entry = shard(notice.uid).entries.withLock { entries in
            // An ID that was deleted and registered anew is another row.
            if let known = entries[notice.uid], known.key == notice.key { return known }
            let new = FleetEntry(
                key: notice.key, uid: notice.uid, tenantUID: notice.tenantUID)
            entries[notice.uid] = new
            return new
        }
        let former = entry.update(
            notice, credential: digest, followed: followed, epoch: epoch)
        if let former, former != digest {
            _ = shard(former).entries.withLock { $0.removeValue(forKey: former) }
        }
        if let digest { shard(digest).entries.withLock { $0[digest] = entry } }
    }

    /// Takes up a new revision of a profile and wakes the parked polls of all its followers.
    package func publish(profileUID: String, number: Int64, counter: Int64, content: [UInt8]) {
        let parked = profile(profileUID).publish(
            number: number, counter: counter, content: content)
        for entry in parked { entry.wake(.changed) }
    }

    /// Forgets a deleted profile's content.
    package func remove(profileUID: String) {
        let removed = profiles.withLock { $0.removeValue(forKey: profileUID) }
        for entry in removed?.parkedEntries() ?? [] { entry.wake(.changed) }
    }
}

/// The newest revision of one profile, shared by all appliances that follow it: a publish changes
/// this one object, however many follow.
package final class FollowedProfile: Sendable {
    private struct State {
        var number: Int64 = 0
        var counter: Int64 = 0
        var content: [UInt8] = []
        var parked: [Int64: FleetEntry] = [:]
    }

    package let uid: String
    private let state = Mutex(State())
    /// The newest revision's counter, readable without the lock: every poll compares it.
    private let newestCounter = Atomic<Int64>(0)

    init(uid: String) {
        self.uid = uid
    }

    /// 0 while nothing is published.
    var counter: Int64 { newestCounter.load(ordering: .acquiring) }

    /// The bytes of the newest revision; empty while nothing is published.
    package var content: [UInt8] { state.withLock { $0.content } }

    /// The number of the newest revision; 0 while nothing is published.
    package var number: Int64 { state.withLock { $0.number } }

    func publish(number: Int64, counter: Int64, content: [UInt8]) -> [FleetEntry] {
        state.withLock { state in
            guard counter > state.counter else { return [] }
            state.number = number
            state.counter = counter
            state.content = content
            newestCounter.store(counter, ordering: .releasing)
            return Array(state.parked.values)
        }
    }

    func parkedEntries() -> [FleetEntry] { state.withLock { Array($0.parked.values) } }
    func park(_ entry: FleetEntry) { state.withLock { $0.parked[entry.key] = entry } }
    func unpark(_ entry: FleetEntry) { state.withLock { _ = $0.parked.removeValue(forKey: entry.key) } }
}
