import APIKit
import JSON
import Primitives
import Storage

/// What lists and searches look at: a pack version without its content.
struct PackSummary: Sendable, Hashable {
    let uid: String
    let registryUID: String
    let name: String
    let version: String
    let displayName: String
    let layer: String
    let addonType: String
    let addonSubType: String
    let group: String
    let cloudTypes: [String]
    let annotations: [String: String]
    let hasLogo: Bool
    let state: PackState
    let createdAt: Timestamp
    var type = PackType.spectro
}

/// Every SQL statement about pack versions.
package enum PackStore {
    private static let columns: SQL = """
        SELECT uid, registry_uid, name, version, display_name, layer, addon_type, addon_sub_type,
            pack_group, cloud_types, annotations, content, values_digest, readme_digest,
            logo_digest, digest, eol, state, created_at, type, location
        FROM pack_version
        """

    private static func packVersion(_ row: borrowing Row) throws -> PackVersion {
        let content = try PackContent(stored: row.text(11))
        var pack = PackVersion(
            uid: row.text(0),
            registryUID: row.text(1),
            name: row.text(2),
            version: row.text(3),
            displayName: row.text(4),
            layer: PackLayer(rawValue: row.text(5)) ?? .addon,
            addonType: row.text(6),
            addonSubType: row.text(7),
            group: row.text(8),
            cloudTypes: try texts(row.text(9)),
            annotations: try textMap(row.text(10)),
            presets: content.presets,
            schema: content.schema,
            constraints: content.constraints,
            manifests: content.manifests,
            charts: content.charts,
            valuesDigest: row.text(12),
            valuesSize: content.valuesSize,
            readmeDigest: row.optionalText(13),
            logoDigest: row.optionalText(14),
            digest: row.text(15),
            eol: row.text(16),
            state: PackState(rawValue: row.text(17)) ?? .active,
            createdAt: row.timestamp(18)
        )
        pack.type = PackType(rawValue: row.text(19)) ?? .spectro
        pack.location = row.text(20)
        return pack
    }

    private static func texts(_ json: String) throws -> [String] {
        // Charts come by the ten thousand, and all of them say this.
        if json == "[\"all\"]" { return ["all"] }
        return (try JSONParser.parse(json).elements ?? []).compactMap(\.text)
    }

    private static func textMap(_ json: String) throws -> [String: String] {
        if json == "{}" { return [:] }
        var map: [String: String] = [:]
        for member in try JSONParser.parse(json).members ?? JSONObject() {
            map[member.key] = member.value.text
        }
        return map
    }

    /// A pack version of any registry; nil when there is none.
    ///
    /// The caller sees to it that the registry is one of its tenant's.
    package static func version(
        uid: String,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        try tx.first(columns + " WHERE uid = $1", .text(uid)) { try packVersion($0) }
    }

    /// A pack version of a registry that the tenant may use.
    package static func version(
        uid: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        guard let found = try version(uid: uid, tx),
            try RegistryStore.find(uid: found.registryUID, tenantUID: tenantUID, tx) != nil
        else { return nil }
        return found
    }

    /// The version with exactly this text, in whatever state it is.
    package static func exact(
        registryUID: String,
        name: String,
        version: String,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        try tx.first(
            columns + " WHERE registry_uid = $1 AND name = $2 AND version = $3",
            .text(registryUID),
            .text(name),
            .text(version)
        ) { try packVersion($0) }
    }

    /// The newest usable release of the train; nil when the registry has none.
    package static func newest(
        registryUID: String,
        name: String,
        train: VersionTrain,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        let versions = try usableVersions(registryUID: registryUID, name: name, tx)
        guard let newest = train.newest(of: versions, version: { SemanticVersion($0.version) })
        else { return nil }
        return try version(uid: newest.uid, tx)
    }

    /// The version that a layer's version text means: a train's newest release, else the version
    /// of exactly this text.
    package static func resolve(
        registryUID: String,
        name: String,
        version: String,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        if let train = VersionTrain(version) {
            return try newest(registryUID: registryUID, name: name, train: train, tx)
        }
        return try exact(registryUID: registryUID, name: name, version: version, tx)
    }

    /// The version that a layer which names no registry means.
    ///
    /// The embedded registry is asked first; when it has no such version, all others of these
    /// kinds that the tenant may use.
    ///
    /// - Throws: `.ruleViolated` when more than one of the others has it: the layer must then
    ///   name the registry.
    package static func find(
        name: String,
        version: String,
        tenantUID: String,
        kinds: [Registry.Kind] = [.pack],
        pointer: String = "/name",
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        var found: [(pack: PackVersion, registry: Registry)] = []
        for registry in try RegistryStore.visible(tenantUID, tx)
        where kinds.contains(registry.kind) {
            guard
                let pack = try resolve(
                    registryUID: registry.uid,
                    name: name,
                    version: version,
                    tx
                )
            else { continue }
            if registry.isDefault { return pack }
            found.append((pack, registry))
        }
        guard found.count > 1 else { return found.first?.pack }
        let names = found.map { "'\($0.registry.name)'" }.joined(separator: ", ")
        throw Failure.fault(
            pointer,
            "AmbiguousRegistry",
            "Pack '\(name)' \(version) is in more than one registry (\(names)); name one by its "
                + "registryUid."
        )
    }

    /// The texts of the versions that may be used, in no particular order.
    static func usableVersions(
        registryUID: String,
        name: String,
        _ tx: borrowing Transaction
    ) throws -> [(uid: String, version: String)] {
        try tx.all(
            """
            SELECT uid, version FROM pack_version
            WHERE registry_uid = $1 AND name = $2 AND state IN ('active', 'deprecated')
            """,
            .text(registryUID),
            .text(name)
        ) { ($0.text(0), $0.text(1)) }
    }

    /// All versions of one pack in one registry, the newest first.
    package static func versions(
        registryUID: String,
        name: String,
        _ tx: borrowing Transaction
    ) throws -> [PackVersion] {
        let found = try tx.all(
            columns + " WHERE registry_uid = $1 AND name = $2",
            .text(registryUID),
            .text(name)
        ) { try packVersion($0) }
        return found.sorted { newer($0.version, than: $1.version) }
    }

    /// Whether one version text is newer than another; texts that are no versions are oldest.
    static func newer(_ one: String, than other: String) -> Bool {
        switch (SemanticVersion(one), SemanticVersion(other)) {
        case (let left?, let right?): right < left
        case (.some, nil): true
        case (nil, .some): false
        case (nil, nil): other < one
        }
    }

    /// What a tenant's lists and searches are made from; deleted versions are left out, and
    /// what was fetched from private Helm repositories (CHK-4.6).
    static func summaries(
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> [PackSummary] {
        let hidden = Set(
            try RegistryStore.visible(tenantUID, tx).filter { !$0.isListed }.map(\.uid)
        )
        let all = try tx.all(
            """
            SELECT p.uid, p.registry_uid, p.name, p.version, p.display_name, p.layer, p.addon_type,
                p.addon_sub_type, p.pack_group, p.cloud_types, p.annotations, p.logo_digest,
                p.state, p.created_at, p.type
            FROM pack_version p JOIN registry r ON r.uid = p.registry_uid
            WHERE (r.tenant_uid IS NULL OR r.tenant_uid = $1) AND p.state <> 'deleted'
            """,
            .text(tenantUID)
        ) { row in
            PackSummary(
                uid: row.text(0),
                registryUID: row.text(1),
                name: row.text(2),
                version: row.text(3),
                displayName: row.text(4),
                layer: row.text(5),
                addonType: row.text(6),
                addonSubType: row.text(7),
                group: row.text(8),
                cloudTypes: try texts(row.text(9)),
                annotations: try textMap(row.text(10)),
                hasLogo: !row.isNull(11),
                state: PackState(rawValue: row.text(12)) ?? .active,
                createdAt: row.timestamp(13),
                type: PackType(rawValue: row.text(14)) ?? .spectro
            )
        }
        return hidden.isEmpty ? all : all.filter { !hidden.contains($0.registryUID) }
    }

    /// Writes a new version; its blobs are there already.
    ///
    /// - Throws: `StorageError` of kind `.constraint` when the registry has this version.
    static func insert(_ pack: PackVersion, _ tx: borrowing Transaction) throws {
        let content = PackContent(
            presets: pack.presets,
            schema: pack.schema,
            constraints: pack.constraints,
            manifests: pack.manifests,
            charts: pack.charts,
            valuesSize: pack.valuesSize
        )
        var annotations = JSONObject()
        for (key, value) in pack.annotations.sorted(by: { $0.key < $1.key }) {
            annotations[key] = .string(value)
        }
        _ = try tx.run(
            """
            INSERT INTO pack_version (uid, registry_uid, name, version, display_name, layer,
                addon_type, addon_sub_type, pack_group, cloud_types, annotations, content,
                values_digest, readme_digest, logo_digest, digest, eol, state, created_at, type,
                location)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21)
            """,
            .text(pack.uid),
            .text(pack.registryUID),
            .text(pack.name),
            .text(pack.version),
            .text(pack.displayName),
            .text(pack.layer.rawValue),
            .text(pack.addonType),
            .text(pack.addonSubType),
            .text(pack.group),
            json(pack.cloudTypes),
            json(annotations),
            json(content),
            .text(pack.valuesDigest),
            .optionalText(pack.readmeDigest),
            .optionalText(pack.logoDigest),
            .text(pack.digest),
            .text(pack.eol),
            .text(pack.state.rawValue),
            .timestamp(pack.createdAt),
            .text(pack.type.rawValue),
            .text(pack.location)
        )
    }

    private static func json(_ value: some JSONWritable) -> Parameter {
        .text(String(decoding: value.jsonBytes(), as: UTF8.self))
    }
}
