import APIKit
import Appliances
import Crypto
import Logging
import Primitives
import Storage

/// The server's side of pairing, following and reporting.
package struct AgentSync: Sendable {
    let database: Database
    let appliances: Appliances
    let profiles: ProfileAccess
    let refusals: PairingRefusals
    let monotonic: @Sendable () -> MonotonicTime
    let logger: Logger
    let clientAuthority: ClientAuthority?
    let sweeper = SweeperState()
    /// All appliances in memory.
    ///
    /// Appliances' and Profiles' notices are published to it.
    package let index: FleetIndex

    /// - Parameters:
    ///   - index: made first, as the features below publish to it.
    ///   - clientAuthority: signs certificates of appliances; nil when there are none.
    ///   - monotonic: measures silence; a test moves it.
    package init(
        database: Database,
        index: FleetIndex,
        appliances: Appliances,
        profiles: ProfileAccess,
        logger: Logger,
        clientAuthority: ClientAuthority? = nil,
        monotonic: @escaping @Sendable () -> MonotonicTime = { MonotonicTime.now() }
    ) {
        self.database = database
        self.index = index
        self.appliances = appliances
        self.profiles = profiles
        self.logger = logger
        self.clientAuthority = clientAuthority
        self.monotonic = monotonic
        refusals = PairingRefusals()
    }

    /// Finds the appliance behind a credential.
    package var authenticator: AgentAuthenticator {
        AgentAuthenticator(index: index, database: database)
    }

    /// How many appliances there are.
    package var applianceCount: Int { index.count }

    /// The operations of this folder.
    package var endpoints: [Endpoint] {
        [pair, renewCertificate, edgeLogin, follow, fetchBlob, report, resume]
            + [updateHealth, updateChecksum, updateLayers, updateTunnelStatus, updateVsphere]
            + [listProfiles, getManifest, downloadArchive, getConfig]
    }

    /// Fills the index from the database.
    ///
    /// Call it once, before the first request.
    package func load() throws {
        try profiles.eachPublished { revision in
            index.publish(
                profileUID: revision.profileUID,
                number: revision.number,
                counter: revision.counter,
                content: revision.content
            )
        }
        try database.read { tx in
            var entries: [FleetEntry] = []
            // Most of a fleet follows the same few profiles: one array serves them all.
            var followed: [[String]: [FollowedProfile]] = [:]
            try ApplianceStore.eachForIndex(tx) { notice in
                let profiles =
                    followed[notice.profileUIDs] ?? notice.profileUIDs.map(index.profile)
                followed[notice.profileUIDs] = profiles
                entries.append(index.take(notice, following: profiles))
            }
            try loadHealth(into: entries, tx)
            try AgentStore.eachResumed(tx) { key, epoch in
                Self.entry(key, in: entries)?.setResumedEpoch(epoch)
            }
        }
        sweeper.beginListening(at: monotonic())
    }

    /// Both scans come in the order of keys, so that one walk joins them.
    private func loadHealth(into entries: [FleetEntry], _ tx: borrowing Transaction) throws {
        var at = 0
        // Agents of one version all say the same.
        var texts: Set<String> = []
        func shared(_ text: String) -> String { texts.insert(text).memberAfterInsert }
        try AgentStore.eachHealth(tx) { key, health, lastSeenAt in
            while at < entries.count, entries[at].key < key { at += 1 }
            guard at < entries.count, entries[at].key == key else { return }
            entries[at].setHealth(
                FleetEntry.Health(
                    state: health.state,
                    message: shared(health.message),
                    agentVersion: shared(health.agentVersion)
                )
            )
            entries[at].restoreLastSeen(lastSeenAt)
        }
    }

    private static func entry(_ key: Int64, in entries: [FleetEntry]) -> FleetEntry? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].key == key ? entries[low] : nil
    }

    // MARK: - Who calls

    /// The appliance that a call is about, as far as its caller can see it.
    ///
    /// - Throws: `.resourceNotFound`, the same for unknown and for another tenant's or project's.
    func entry(_ context: RequestContext) throws -> FleetEntry {
        // The dispatcher has compared the path with the credential's own ID.
        if case .appliance(let caller) = context.principal, let entry = caller as? FleetEntry {
            return entry
        }
        let uid = try context.parameter("uid")
        guard let entry = index.entry(uid: uid), entry.tenantUID == context.tenantUID,
            entry.projectUID == context.scope.projectUID ?? ""
        else { throw ApplianceStore.notFound(uid) }
        return entry
    }

    /// The appliance that a call is about, mostly its own.
    ///
    /// The first use of a credential is written down before anything is answered: from then on
    /// nobody gets another one without an operator.
    ///
    /// - Throws: `.resourceNotFound`; `.unauthenticated` when the credential was replaced just
    ///   now.
    func caller(_ context: RequestContext) async throws -> FleetEntry {
        let entry = try entry(context)
        if !entry.isCredentialUsed, case .appliance = context.principal {
            try await noteUse(of: entry)
        }
        return entry
    }

    func noteUse(of entry: FleetEntry) async throws {
        guard let digest = entry.credential?.hex else { throw revoked(entry) }
        let isValid = try await database.write { tx in
            let isValid = try ApplianceStore.setCredentialUsed(entry.key, digest: digest, tx)
            if isValid { tx.afterCommit { entry.setCredentialUsed() } }
            return isValid
        }
        guard isValid else { throw revoked(entry) }
    }

    /// Why an appliance that has just called is not served any more: it was deleted, or its
    /// credential was replaced.
    func revoked(_ entry: FleetEntry) -> Failure {
        index.entry(uid: entry.uid) === entry
            ? Self.invalidCredential : ApplianceStore.notFound(entry.uid)
    }

    static var invalidCredential: Failure {
        Failure(
            .unauthenticated,
            "This appliance credential is not valid; pair the appliance again."
        )
    }

    /// The row of an entry, fresh in this transaction.
    ///
    /// - Throws: `.resourceNotFound` when it was deleted meanwhile.
    func fetch(_ entry: FleetEntry, _ tx: borrowing Transaction) throws -> Appliance {
        guard let appliance = try ApplianceStore.find(key: entry.key, tx) else {
            throw ApplianceStore.notFound(entry.uid)
        }
        return appliance
    }
}

extension Permission {
    static let applianceGet = Permission("edgehost.get")
    static let applianceUpdate = Permission("edgehost.update")
}

/// Every bound of this folder.
enum AgentLimits {
    /// The longest time a poll is parked: twice what ordinary proxies wait.
    static let waitSecondsMax: Int64 = 120
    static let pollIntervalSeconds: Int64 = 30
    static let layersPerReportMax = 500
    static let eventsPerReportMax = 200
    static let reportMessageBytesMax = 4096
    /// A beat's message and version stay in memory for each appliance.
    static let beatMessageBytesMax = 1024
    static let agentVersionBytesMax = 64
    /// Layers kept of one appliance, whoever reported them.
    static let layersPerApplianceMax = 1000
    static let pairingBodyBytesMax = 256 << 10
    /// How often signs of life are written.
    static let flushIntervalSeconds = 5
    /// Rows of one bulk write: other writers wait a few milliseconds for it at most.
    static let flushRowsMax = 500
    static let silencedRowsMax = 100
    /// How far a resume may move the database's counter on: far beyond any honest one, and too
    /// little to use up the numbers.
    static let counterJumpMax: Int64 = 1 << 40
}
