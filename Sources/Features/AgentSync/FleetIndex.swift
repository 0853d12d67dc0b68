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
    private let texts = Mutex<[String: String]>([:])
    package let epoch: Int64
    /// How many appliances there are of each kind.
    package let counts = FleetCounts()

    /// - Parameter epoch: the database's epoch, which every desired-state number begins with.
    package init(epoch: Int64) {
        self.epoch = epoch
        byCredential = (0..<Self.shardCount).map { _ in Shard() }
        byUID = (0..<Self.shardCount).map { _ in Shard() }
    }

    private func shard(_ digest: Digest) -> Shard<Digest> {
        byCredential[Int(digest.spread % UInt(Self.shardCount))]
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

    /// The profile of this uid; one without content while nothing of it is known.
    package func profile(_ uid: String) -> FollowedProfile {
        profiles.withLock { profiles in
            if let known = profiles[uid] { return known }
            let new = FollowedProfile(uid: uid)
            profiles[uid] = new
            return new
        }
    }

    /// Forgets a deleted profile; only profiles that nobody follows are deleted.
    package func remove(profileUID: String) {
        profiles.withLock { _ = $0.removeValue(forKey: profileUID) }
    }

    /// Calls the body with every appliance, shard by shard; none is locked meanwhile.
    package func forEach(_ body: (FleetEntry) throws -> Void) rethrows {
        for shard in byUID {
            for entry in shard.entries.withLock({ Array($0.values) }) { try body(entry) }
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
        if notice.kind == .deleted {
            retire(notice)
        } else {
            take(notice, following: notice.profileUIDs.map(profile))
        }
    }

    private func retire(_ notice: ApplianceNotice) {
        let gone = shard(notice.uid).entries.withLock { entries -> FleetEntry? in
            guard let entry = entries[notice.uid], entry.key == notice.key else { return nil }
            entries[notice.uid] = nil
            return entry
        }
        guard let gone, let digest = gone.retire() else { return }
        forget(digest, of: gone)
    }

    private func forget(_ digest: Digest, of entry: FleetEntry) {
        shard(digest).entries.withLock { entries in
            if entries[digest] === entry { entries[digest] = nil }
        }
    }

    /// Puts a row into the index.
    ///
    /// - Parameter followed: the objects of the row's profiles; rows that follow the same ones
    ///   share one array of them.
    @discardableResult
    func take(_ notice: ApplianceNotice, following followed: [FollowedProfile]) -> FleetEntry {
        let projectUID = shared(notice.projectUID)
        let digest = notice.credentialDigest.flatMap(Digest.init(hex:))
        let entry = shard(notice.uid).entries.withLock { entries in
            // An ID that was deleted and registered anew is another row.
            if let known = entries[notice.uid], known.key == notice.key { return known }
            let new = FleetEntry(
                key: notice.key,
                uid: notice.uid,
                tenantUID: shared(notice.tenantUID),
                projectUID: projectUID,
                epoch: epoch,
                counts: counts
            )
            entries[notice.uid] = new
            return new
        }
        let former = entry.update(
            notice,
            credential: digest,
            followed: followed,
            projectUID: projectUID
        )
        if let former, former != digest { forget(former, of: entry) }
        if let digest, former != digest { shard(digest).entries.withLock { $0[digest] = entry } }
        return entry
    }

    /// One string for all rows that say the same: tenants and projects are few, rows are many.
    private func shared(_ text: String) -> String {
        texts.withLock { texts in
            if let known = texts[text] { return known }
            texts[text] = text
            return text
        }
    }

    /// Takes up a new revision of a profile and wakes the parked polls of all its followers.
    package func publish(profileUID: String, number: Int64, counter: Int64, content: [UInt8]) {
        let parked = profile(profileUID).publish(
            number: number,
            counter: counter,
            content: content
        )
        for poll in parked { poll.finish(.changed) }
    }
}
