import APIKit
import Archive
import Audit
import HTTPClient
import Primitives
import Storage

extension RegistryContent {
    /// Reads a repository's `index.yaml`.
    ///
    /// - Returns: nil when it has not changed since it had this validator.
    func helmIndexFile(
        _ reader: RegistryReader,
        unless validator: String
    ) async throws -> RegistryReader.File? {
        try await reader.index(
            "index.yaml",
            bytesMax: PackLimits.helmIndexBytesMax,
            unless: validator
        )
    }

    /// Lists what a Helm repository has, and fetches what trains of profiles may now mean.
    func syncCharts(_ registry: Registry) async throws -> Outcome {
        let reader = try reader(registry)
        let known = registry.sync?.validator ?? ""
        guard let file = try await helmIndexFile(reader, unless: known) else {
            return Outcome(message: "Nothing has changed.", validator: known)
        }
        let index = try await Self.aside { try HelmIndex(file.bytes) }
        var outcome = try await takeOver(
            index.entries,
            passedOver: index.skippedCount,
            registry,
            reader,
            validator: file.validator
        )
        if !index.unversioned.isEmpty {
            outcome.message +=
                " No semantic versions, and passed over: "
                + index.unversioned.joined(separator: ", ") + "."
        }
        return outcome
    }

    /// Lists charts, the newest versions of each, and fetches what trains of profiles may now mean.
    ///
    /// - Parameters:
    ///   - all: the versions that the registry has; those of one chart stand together, the newest
    ///     first.
    ///   - passedOver: how many it has beside these.
    ///   - validator: what the index said of its own version; kept when nothing was refused.
    ///   - tally: what was refused before.
    func takeOver(
        _ all: [HelmChartEntry],
        passedOver: Int,
        _ registry: Registry,
        _ reader: RegistryReader,
        validator: String,
        tally: SyncTally = SyncTally()
    ) async throws -> Outcome {
        var tally = tally
        var entries = Self.listed(all)
        let standings = try database.read { tx in
            try PackStore.standings(registryUID: registry.uid, tx)
        }
        let byKey = Dictionary(
            standings.map { (PackKey($0.name, $0.version), $0) },
            uniquingKeysWith: { first, _ in first }
        )
        // What a train would mean and cannot be had is not listed: who follows it would be stuck.
        let missing = try await followTrains(entries, standings, registry, reader, &tally)
        entries.removeAll(where: missing.contains)
        for start in stride(from: 0, to: entries.count, by: PackLimits.chartRowsPerWrite) {
            try Task.checkCancellation()
            let rows = entries[start..<min(start + PackLimits.chartRowsPerWrite, entries.count)]
            tally.added += try await database.write { tx in
                var added = 0
                for entry in rows
                where try Self.list(entry, byKey[PackKey(entry.name, entry.version)], registry, tx)
                {
                    added += 1
                }
                return added
            }
        }
        tally.unchanged = entries.count - tally.added
        tally.lost = try await drop(standings, keeping: entries, registry)
        try await database.write { tx in try RegistryStore.touch(registry.uid, tx) }
        var outcome = Outcome(tally, "chart", validator: validator)
        let passed = passedOver + all.count - entries.count
        if passed > 0 {
            outcome.message +=
                " \(passed) older or malformed ones are not listed; a layer may still name them."
        }
        return outcome
    }

    /// The newest versions of each chart, up to what a registry may list.
    private static func listed(_ all: [HelmChartEntry]) -> [HelmChartEntry] {
        var listed: [HelmChartEntry] = []
        var name = ""
        var count = 0
        for entry in all {
            count = entry.name == name ? count + 1 : 1
            name = entry.name
            guard count <= PackLimits.helmVersionsListedMax,
                listed.count < PackLimits.helmEntriesMax
            else { continue }
            listed.append(entry)
        }
        return listed
    }

    /// Fetches the newest version of each train that a fetched version belongs to: what is fetched
    /// is what profiles use, and a relink must find the bytes here.
    ///
    /// - Returns: what could not be fetched.
    private func followTrains(
        _ entries: [HelmChartEntry],
        _ standings: [PackStanding],
        _ registry: Registry,
        _ reader: RegistryReader,
        _ tally: inout SyncTally
    ) async throws -> Set<HelmChartEntry> {
        let byName = Dictionary(grouping: entries.filter { !$0.isDeprecated }, by: \.name)
        var wanted: [HelmChartEntry] = []
        for pack in standings where pack.isFetched {
            guard let version = SemanticVersion(pack.version) else { continue }
            for train in VersionTrain.holding(version) {
                let newest = train.newest(of: byName[pack.name] ?? []) {
                    SemanticVersion($0.version)
                }
                if let newest, !wanted.contains(newest) { wanted.append(newest) }
            }
        }
        var missing: Set<HelmChartEntry> = []
        let fetched = Set(
            standings.filter(\.isFetched).map { PackKey($0.name, $0.version) }
        )
        for entry in wanted where !fetched.contains(PackKey(entry.name, entry.version)) {
            try Task.checkCancellation()
            if try await has(entry, registry, reader, &tally) {
                tally.added += 1
            } else {
                missing.insert(entry)
            }
        }
        return missing
    }

    /// Fetches one chart; false when it cannot be had, which a run passes over.
    private func has(
        _ entry: HelmChartEntry,
        _ registry: Registry,
        _ reader: RegistryReader,
        _ tally: inout SyncTally
    ) async throws -> Bool {
        do {
            _ = try await fetch(entry, registry, reader)
            return true
        } catch {
            let isUnfit = error is HelmChart.Unfit
            guard let reason = isUnfit ? .notOfIndex : SyncTally.Refusal(ofOneFile: error) else {
                throw error
            }
            tally.refuse("\(entry.name) \(entry.version)", reason)
            return false
        }
    }

    /// Writes one row of the index.
    ///
    /// - Returns: whether it is new.
    private static func list(
        _ entry: HelmChartEntry,
        _ known: PackStanding?,
        _ registry: Registry,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        let state: PackState = entry.isDeprecated ? .deprecated : .active
        if let known {
            if !known.isStateSet, known.state != state {
                try PackStore.setState(state, of: known.uid, tx)
            }
            let isMoved = known.location != entry.location
            if isMoved, !known.isFetched {
                try PackStore.setLocation(entry.location, digest: entry.digest, of: known.uid, tx)
            }
            return false
        }
        // One that was fetched in the meantime is there already.
        let isThere = try PackStore.exact(
            registryUID: registry.uid,
            name: entry.name,
            version: entry.version,
            tx
        )
        guard isThere == nil else { return false }
        try PackStore.insert(entry.pack(in: registry.uid, at: tx.now), tx)
        return true
    }

    /// Removes what is no longer listed; what was fetched stays, as deprecated: profiles that hold
    /// it go on.
    ///
    /// What an operator set stays.
    private func drop(
        _ standings: [PackStanding],
        keeping entries: [HelmChartEntry],
        _ registry: Registry
    ) async throws -> Int {
        let listed = Set(entries.map { PackKey($0.name, $0.version) })
        let lost = standings.filter { !listed.contains(PackKey($0.name, $0.version)) }
        try await database.write { tx in
            for pack in lost where !pack.isStateSet {
                if !pack.isFetched {
                    try PackStore.deleteUnfetched(pack.uid, tx)
                } else if pack.state == .active {
                    try PackStore.setState(.deprecated, of: pack.uid, tx)
                }
            }
        }
        return lost.count
    }
}

extension HelmChartEntry {
    /// The version as it is listed, its bytes not fetched yet.
    func pack(in registryUID: String, at moment: Timestamp) -> PackVersion {
        var annotations: [String: String] = [:]
        if !description.isEmpty { annotations["description"] = description }
        if !appVersion.isEmpty { annotations["appVersion"] = appVersion }
        var pack = PackVersion(
            uid: UID.make(at: moment).text,
            registryUID: registryUID,
            name: name,
            version: version,
            displayName: name,
            layer: .addon,
            addonType: "",
            addonSubType: "",
            group: "",
            cloudTypes: ["all"],
            annotations: annotations,
            presets: [],
            schema: "",
            constraints: nil,
            manifests: [],
            charts: [],
            valuesDigest: "",
            valuesSize: 0,
            readmeDigest: nil,
            logoDigest: nil,
            digest: digest,
            eol: "",
            state: isDeprecated ? .deprecated : .active,
            createdAt: moment
        )
        pack.type = .helm
        pack.location = location
        return pack
    }
}
