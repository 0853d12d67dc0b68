import APIKit
import AgentContract
import JSON
import Packs
import Primitives
import Storage
import Synchronization

extension Profiles {
    /// What is wrong with the texts of layers by themselves: their YAML, and their values by the
    /// packs' schemas.
    ///
    /// It is found before the write: a large text would hold up the one writer.
    func faults(of inputs: [LayerInput], _ call: ProfileCall) async throws -> [Fault] {
        let (cloudType, layers, former) = try database.read { tx in
            let profile = try call.find(tx)
            var layers: [LinkedLayer] = []
            for input in inputs {
                layers.append(try LinkedLayer(input, tenantUID: call.tenantUID, tx))
            }
            // Advice about the environment is no error and not told here.
            let cloudType = profile?.cloudType ?? ""
            return (cloudType, layers, try profile.map { try LinkedLayer.all(of: $0, tx) } ?? [])
        }
        let values = try await apart(bytes: Self.bytes(layers)) {
            ValueFindings.of(layers, cloudType: cloudType)
                .errors { ValueFindings.of(former, cloudType: cloudType) }
        }
        return try await textFaults(of: inputs) + values
    }

    /// What is wrong with the values of a draft that is to be published.
    func valueFaults(ofDraft call: ProfileCall) async throws -> [Fault] {
        let (profile, layers) = try database.read { tx in
            let profile = try call.fetch(tx)
            return (profile, try LinkedLayer.all(of: profile, tx))
        }
        let cloudType = profile.cloudType
        return try await apart(bytes: Self.bytes(layers)) {
            ValueFindings.of(layers, cloudType: cloudType).errors { [] }
        }
    }

    /// Everything that can be said about a draft: what stops its publish, and advice.
    func findings(about profile: Profile) async throws -> [Finding] {
        let layers = try database.read { tx in try LinkedLayer.all(of: profile, tx) }
        return try await apart(bytes: Self.bytes(layers)) {
            LayerComposition(profile, layers).findings()
                + ValueFindings.of(layers, cloudType: profile.cloudType)
        }
    }

    /// Everything that can be said about layers that nobody stores.
    func findings(
        about layers: [LinkedLayer],
        type: ProfileType,
        cloudType: String
    ) async throws -> [Finding] {
        try await apart(bytes: Self.bytes(layers)) {
            LayerComposition(type: type, cloudType: cloudType, layers: layers, pointer: "")
                .findings() + ValueFindings.of(layers, cloudType: cloudType)
        }
    }

    private static func bytes(_ layers: [LinkedLayer]) -> Int {
        layers.reduce(0) { $0 + $1.values.utf8.count }
    }

    /// More text than this is checked away from the loop.
    private static let valuesBytesMax = 64 << 10

    /// Runs work on texts of so many bytes without holding up the loop.
    private func apart<Value: Sendable>(
        bytes: Int,
        _ work: @escaping @Sendable () -> [Value]
    ) async throws -> [Value] {
        guard bytes > Self.valuesBytesMax else { return work() }
        let found = Found<Value>()
        _ = try await archives.runSlow {
            let values = work()
            found.list.withLock { $0 = values }
            return []
        }
        return found.list.withLock { $0 }
    }
}

private final class Found<Value: Sendable>: Sendable {
    let list = Mutex<[Value]>([])
}

extension LayerComposition {
    /// The layers of a draft.
    init(_ profile: Profile, _ layers: [LinkedLayer]) {
        self.init(
            type: profile.type,
            cloudType: profile.cloudType,
            layers: layers,
            pointer: "/spec/draft"
        )
    }
}

extension ProfileRules {
    /// What is wrong with all layers of a draft together, after a change of it.
    ///
    /// - Parameters:
    ///   - former: the layers before; nil for a new profile, whose layers must be right from the
    ///     start. One that begins without layers is filled step by step.
    ///   - pointer: where the request has the template.
    static func composition(
        of layers: [Layer],
        since former: [Layer]?,
        type: ProfileType,
        cloudType: String,
        tenantUID: String,
        at pointer: String,
        _ tx: borrowing Transaction
    ) throws -> [Fault] {
        if former == layers { return [] }
        let before = try LinkedLayer.all(former ?? [], tenantUID: tenantUID, at: pointer, tx)
        var versions: [String: String] = [:]
        for layer in before {
            if let pack = layer.pack { versions[pack.name] = pack.version }
        }
        let after = LayerComposition(
            type: type,
            cloudType: cloudType,
            layers: try LinkedLayer.all(layers, tenantUID: tenantUID, at: pointer, tx),
            pointer: pointer,
            formerVersions: versions
        )
        // Where there are no layers yet, only the environment can be wrong.
        if former == nil, layers.isEmpty { return after.environmentFault.map { [$0] } ?? [] }
        return after.findings().errors {
            guard former != nil else { return [] }
            return LayerComposition(
                type: type,
                cloudType: cloudType,
                layers: before,
                pointer: pointer
            ).findings()
        }
    }

    /// What is wrong with a new profile as a whole; while some of its layers could not be read,
    /// that is what can be said of its environment.
    ///
    /// - Parameter count: how many layers the request has.
    static func composition(
        ofNew layers: [Layer],
        count: Int,
        type: ProfileType,
        cloudType: String,
        tenantUID: String,
        at pointer: String,
        _ tx: borrowing Transaction
    ) throws -> [Fault] {
        try composition(
            of: layers.count == count ? layers : [],
            since: nil,
            type: type,
            cloudType: cloudType,
            tenantUID: tenantUID,
            at: pointer,
            tx
        )
    }

    /// Refuses a changed draft for faults that the change brings; one layer was written.
    static func checkChange(
        of profile: Profile,
        since former: Profile,
        _ tx: borrowing Transaction
    ) throws {
        let faults = try composition(
            of: profile.layers,
            since: former.layers,
            type: profile.type,
            cloudType: profile.cloudType,
            tenantUID: profile.tenantUID,
            at: "/spec/draft",
            tx
        )
        try refuse(FaultList(faults))
    }

    /// Refuses to publish layers that do not stand together, or whose packs were withdrawn before
    /// they were ever published.
    static func checkPublish(
        of profile: Profile,
        _ resolved: [LayerResolver.Resolved],
        since last: ProfileStore.Revision?
    ) throws {
        let layers = resolved.enumerated().map { index, one in
            LinkedLayer(
                one.layer,
                pack: one.pack,
                values: one.values,
                defaults: "",
                pointer: "/spec/draft/packs/\(index)"
            )
        }
        let published = try last.map {
            try ProfileRevision(JSONParser.parse($0.content, limits: .stored)).layers.map(\.packUID)
        }
        let faults = FaultList()
        for finding in LayerComposition(profile, layers).findings()
        where finding.weight == .error {
            let isInUse =
                finding.fault.code == "PackDisabled"
                && layers.contains { layer in
                    finding.fault.pointer.hasPrefix(layer.pointer + "/")
                        && published?.contains(layer.pack?.uid ?? "") == true
                }
            if !isInUse { faults.add(finding.fault) }
        }
        try refuse(faults)
    }
}

extension ProfileCall {
    /// The profile that the call names; nil for a call that names none, and for one that is not
    /// there, which the write itself tells.
    func find(_ tx: borrowing Transaction) throws -> Profile? {
        guard !uid.isEmpty else { return nil }
        return try ProfileStore.find(uid, tenantUID: tenantUID, projectUID: projectUID, tx)
    }
}
