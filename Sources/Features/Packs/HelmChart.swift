import APIKit
import Archive
import HTTPClient
import JSON
import Primitives
import Storage
import YAML

/// The archive of one chart as it was fetched: what becomes of it as a layer.
struct HelmChart: Sendable {
    /// Why an archive is not the chart that was asked for.
    struct Unfit: Error {}

    let entry: HelmChartEntry
    let archive: PackDraft.Part
    let values: PackDraft.Part
    let readme: PackDraft.Part?

    /// - Throws: `Unfit` when the bytes are not those that the index means.
    init(_ bytes: [UInt8], of entry: HelmChartEntry) throws(Unfit) {
        let archive = PackDraft.Part(bytes)
        guard entry.digest.isEmpty || entry.digest == archive.digest,
            let chart = try? ChartArchive(bytes), chart.name == entry.name,
            chart.version == entry.version
                || SemanticVersion(chart.version) == SemanticVersion(entry.version)
        else { throw Unfit() }
        self.entry = entry
        self.archive = archive
        values = PackDraft.Part(Self.layerValues(chart.values, of: entry.name))
        readme = chart.readme.map { PackDraft.Part($0) }
    }

    /// The chart's own values where those of a layer stand: under `charts` and its name, comments
    /// and all.
    ///
    /// Values that cannot be moved there as text are left out; whoever installs the chart has them
    /// in the chart.
    private static func layerValues(_ values: [UInt8], of name: String) -> [UInt8] {
        let head = "pack:\n  namespace: \"\(name)\"\ncharts:\n  \"\(name)\":"
        let empty = Array("\(head) {}\n".utf8)
        let text = String(decoding: values, as: UTF8.self)
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        var moved = head + "\n"
        for line in lines where line != "---" {
            moved += line.allSatisfy({ $0 == " " }) ? "\n" : "    \(line)\n"
        }
        while moved.hasSuffix("\n\n") { moved.removeLast() }
        let bytes = Array(moved.utf8)
        guard bytes.count <= PackLimits.valuesBytesMax,
            let own = try? PackYAML.value(values), own.members?.isEmpty == false,
            let whole = try? PackYAML.value(bytes), whole["charts"]?[name] == own
        else { return empty }
        return bytes
    }
}

extension RegistryContent {
    /// Fetches one chart and keeps it; another call may have done so at the same time.
    ///
    /// - Returns: the version with its content.
    /// - Throws: `HelmChart.Unfit`, `OutboundError`, `StorageError`.
    func fetch(
        _ entry: HelmChartEntry,
        _ registry: Registry,
        _ reader: RegistryReader
    ) async throws -> PackVersion {
        let bytes =
            registry.kind == .oci
            ? try await ociChart(entry, registry)
            : try await reader.file(entry.location, bytesMax: PackLimits.chartBytesMax)
        let chart = try await Self.aside { try HelmChart(bytes, of: entry) }
        let onImport = importer.onImport
        return try await database.write { tx in
            guard try RegistryStore.find(uid: registry.uid, tx) != nil else {
                throw Failure.notFound("Registry", registry.uid)
            }
            let known = try PackStore.exact(
                registryUID: registry.uid,
                name: entry.name,
                version: entry.version,
                tx
            )
            if let known, known.isFetched { return known }
            let listed = known ?? entry.pack(in: registry.uid, at: tx.now)
            if known == nil { try PackStore.insert(listed, tx) }
            for part in [chart.archive, chart.values] + [chart.readme].compactMap(\.self) {
                try BlobStore.put(part.bytes, digest: part.digest, tx)
            }
            let fetched = listed.filled(from: chart)
            try PackStore.setContent(fetched, tx)
            try onImport(
                ImportNotice(
                    registryUID: registry.uid,
                    packName: fetched.name,
                    version: fetched.version
                ),
                tx
            )
            return fetched
        }
    }

    /// Sees to it that the bytes of a listed version are here.
    ///
    /// - Throws: `.ruleViolated` when they cannot be had; `.unavailable` when too much is fetched.
    func fetched(_ pack: PackVersion) async throws -> PackVersion {
        guard !pack.isFetched else { return pack }
        let registry = try database.read { tx in
            try RegistryStore.find(uid: pack.registryUID, tx)
        }
        guard let registry, registry.kind != .pack else { return pack }
        let entry = HelmChartEntry(
            name: pack.name,
            version: pack.version,
            digest: pack.digest,
            location: pack.location,
            description: pack.annotations["description"] ?? "",
            appVersion: pack.annotations["appVersion"] ?? "",
            isDeprecated: pack.state == .deprecated
        )
        do {
            return try await fetch(entry, registry, try reader(registry))
        } catch {
            throw Self.chartFailure(error, pack.name, pack.version, pointer: "")
        }
    }

    /// Fetches what a layer that names a chart needs before it is written.
    ///
    /// A chart that is not listed is looked for in the repository's index, as nothing is listed of
    /// a private one. What cannot be found is left to the rules of the write to name.
    ///
    /// - Throws: `.ruleViolated` at the pointer when the chart cannot be had.
    func prepare(
        _ wanted: WantedChart,
        tenantUID: String
    ) async throws {
        let (packs, registry) = try database.read { tx in
            try wanted.candidates(tenantUID: tenantUID, tx)
        }
        do {
            for pack in packs where !pack.isFetched { _ = try await fetched(pack) }
            guard packs.isEmpty, let registry, !wanted.tag.isEmpty else {
                return
            }
            let reader = try reader(registry)
            let entries =
                registry.kind == .oci
                ? try await ociCharts(named: wanted.name, registry)
                : try await helmCharts(named: wanted.name, reader)
            let entry =
                VersionTrain(wanted.tag)?.newest(of: entries) { SemanticVersion($0.version) }
                ?? entries.first { $0.version == wanted.tag }
            if let entry { _ = try await fetch(entry, registry, reader) }
        } catch {
            throw Self.chartFailure(error, wanted.name, wanted.tag, pointer: wanted.pointer)
        }
    }

    private func helmCharts(
        named name: String,
        _ reader: RegistryReader
    ) async throws -> [HelmChartEntry] {
        guard let file = try await helmIndexFile(reader, unless: "") else { return [] }
        return try await Self.aside { try HelmIndex(file.bytes, chart: name).entries }
    }

    private static func chartFailure(
        _ error: any Error,
        _ name: String,
        _ version: String,
        pointer: String
    ) -> any Error {
        if error is StorageError || error is CancellationError { return error }
        if let failure = error as? Failure { return failure }
        if error as? OutboundError == .busy { return failure(error) }
        let reason =
            error is HelmChart.Unfit
            ? "its archive is not the one that the index names." : sentence(error)
        let message = "Chart '\(name)' \(version) cannot be fetched: \(reason)"
        guard !pointer.isEmpty else { return Failure(.ruleViolated, message, cause: error) }
        return Failure.fault(pointer + "/tag", "ChartNotFetched", message)
    }
}

/// A chart as a layer names it.
package struct WantedChart: Sendable {
    /// The chart's name.
    package let name: String
    /// Empty when any registry will do.
    package let registryUID: String
    /// Empty when the tag decides.
    package let packUID: String
    /// A version or a train.
    package let tag: String
    /// Where the request names it.
    package let pointer: String

    /// Makes the value from its members.
    package init(
        name: String,
        registryUID: String,
        packUID: String,
        tag: String,
        pointer: String
    ) {
        self.name = name
        self.registryUID = registryUID
        self.packUID = packUID
        self.tag = tag
        self.pointer = pointer
    }

    /// The versions that the layer may mean, and the registry that it names.
    fileprivate func candidates(
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> ([PackVersion], Registry?) {
        var registries = try RegistryStore.visible(tenantUID, tx).filter { $0.kind != .pack }
        if !packUID.isEmpty,
            let pack = try PackStore.version(uid: packUID, tenantUID: tenantUID, tx)
        {
            if tag.isEmpty || tag == pack.version { return ([pack], nil) }
            registries.removeAll { $0.uid != pack.registryUID }
        } else if !registryUID.isEmpty {
            registries.removeAll { $0.uid != registryUID }
        }
        let packs = try registries.compactMap { registry in
            try PackStore.resolve(registryUID: registry.uid, name: name, version: tag, tx)
        }
        return (packs, registries.count == 1 ? registries.first : nil)
    }
}

extension PackVersion {
    /// The listed version with the content that was fetched for it.
    fileprivate func filled(from chart: HelmChart) -> PackVersion {
        var pack = PackVersion(
            uid: uid,
            registryUID: registryUID,
            name: name,
            version: version,
            displayName: displayName,
            layer: layer,
            addonType: addonType,
            addonSubType: addonSubType,
            group: group,
            cloudTypes: cloudTypes,
            annotations: annotations,
            presets: [],
            schema: "",
            constraints: nil,
            manifests: [],
            charts: [
                PackChart(
                    name: name,
                    file: "\(name)-\(version).tgz",
                    digest: chart.archive.digest,
                    size: chart.archive.bytes.count
                )
            ],
            valuesDigest: chart.values.digest,
            valuesSize: chart.values.bytes.count,
            readmeDigest: chart.readme?.digest,
            logoDigest: nil,
            digest: chart.archive.digest,
            eol: eol,
            state: state,
            createdAt: createdAt
        )
        pack.type = .helm
        pack.location = location
        return pack
    }
}
