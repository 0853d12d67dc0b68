import APIKit
import Crypto
import HTTPClient
import Storage

/// One tag of one repository that lies under a registry's base path.
private struct OCIPlace: Sendable {
    let repository: String
    let tag: String

    /// The last part of the repository: what a pack or a chart is called.
    var name: String { String(repository.split(separator: "/").last ?? "") }
    var version: String { OCIName.version(of: tag) }
    /// As the place is kept with a chart that is not fetched yet.
    var location: String { "\(repository):\(tag)" }

    init(repository: String, tag: String) {
        self.repository = repository
        self.tag = tag
    }

    /// Nil for a text that is no location.
    init?(location: String) {
        let parts = location.split(separator: ":")
        guard parts.count == 2, let repository = parts.first, let tag = parts.last else {
            return nil
        }
        self.init(repository: String(repository), tag: String(tag))
    }
}

extension RegistryContent {
    /// Sees whether an OCI registry takes the credentials and has the base path.
    ///
    /// A registry that does not list its repositories is believed: under its path there may be
    /// repositories that only their name leads to.
    func checkOCI(_ spec: RegistrySpec, _ secret: RegistrySecret) async throws {
        let client = try oci(spec, secret)
        try await client.check()
        let path = spec.contentPath
        guard !path.isEmpty, let listed = try await listed(client, under: path) else { return }
        guard !listed.isEmpty else {
            throw Failure.fault(
                spec.baseContentPath.isEmpty ? "/spec/basePath" : "/spec/baseContentPath",
                "NotFound",
                "The registry has nothing under this path."
            )
        }
    }

    /// Takes over what an OCI registry holds.
    func syncOCI(_ registry: Registry) async throws -> Outcome {
        let client = try oci(registry)
        var places: [OCIPlace] = []
        let path = registry.spec.contentPath
        // Where repositories are not listed, the path may itself be one.
        let repositories =
            try await listed(client, under: path) ?? (path.isEmpty ? [] : [path])
        for repository in repositories.sorted() {
            try Task.checkCancellation()
            for tag in try await client.tags(of: repository) {
                let place = OCIPlace(repository: repository, tag: tag)
                if SemanticVersion(place.version) != nil { places.append(place) }
            }
            guard places.count <= OCILimits.listedMax else { throw OutboundError.tooBig }
        }
        // The newest first: a train then relinks once, and not once for each older version.
        places.sort {
            $0.name == $1.name ? PackStore.newer($0.version, than: $1.version) : $0.name < $1.name
        }
        guard registry.spec.provider == "pack" else {
            return try await listCharts(places, registry, client)
        }
        return try await takePacks(places, registry, client)
    }

    /// Lists charts, and no packs among them.
    ///
    /// What a repository holds is asked once, of its newest tag, as long as nothing of it is listed.
    private func listCharts(
        _ places: [OCIPlace],
        _ registry: Registry,
        _ client: OCIClient
    ) async throws -> Outcome {
        let standings = try database.read { tx in
            try PackStore.standings(registryUID: registry.uid, tx)
        }
        let known = Set(standings.map(\.name))
        var tally = SyncTally()
        var packs: Set<String> = []
        var asked: Set<String> = []
        for place in places where !known.contains(place.name) {
            try Task.checkCancellation()
            if asked.insert(place.repository).inserted, try await kind(of: place, client) == .pack {
                packs.insert(place.repository)
            }
            if packs.contains(place.repository) {
                tally.refuse("\(place.name) \(place.version)", .isPack)
            }
        }
        return try await takeOver(
            places.filter { !packs.contains($0.repository) }.map(\.chart),
            passedOver: 0,
            registry,
            try reader(registry),
            validator: "",
            tally: tally
        )
    }

    /// What a tag stands for; nil when it is neither, or cannot be told.
    private func kind(of place: OCIPlace, _ client: OCIClient) async throws -> OCIArtifact? {
        do throws(OutboundError) {
            return try await client.kind(of: place.tag, in: place.repository)
        } catch {
            guard error == .badAnswer || error == .tooBig else { throw error }
            return nil
        }
    }

    private func takePacks(
        _ places: [OCIPlace],
        _ registry: Registry,
        _ client: OCIClient
    ) async throws -> Outcome {
        var tally = SyncTally()
        var states: [PackKey: PackState] = [:]
        for place in places {
            try Task.checkCancellation()
            let known = try database.read { tx in
                try PackStore.exact(
                    registryUID: registry.uid,
                    name: place.name,
                    version: place.version,
                    tx
                )
            }
            states[PackKey(place.name, place.version)] = .active
            if known != nil {
                // A version is one for ever, so what is here needs no second look.
                tally.unchanged += 1
                continue
            }
            do {
                let bytes = try await client.archive(
                    .pack,
                    in: place.repository,
                    tag: place.tag,
                    bytesMax: PackLimits.archiveBytesMax
                )
                let reading = try await Self.aside { PackManifestReader.read(archive: bytes) }
                guard reading.name == place.name, reading.version == place.version else {
                    tally.refuse("\(place.name) \(place.version)", .malformed)
                    continue
                }
                try await take(reading, registry, &tally)
            } catch {
                guard let reason = SyncTally.Refusal(ofOneFile: error) else { throw error }
                let isChart =
                    reason == .cannotBeHad ? try await kind(of: place, client) == .chart : false
                tally.refuse("\(place.name) \(place.version)", isChart ? .isChart : reason)
            }
        }
        try await mark(registry, states: states, &tally)
        return Outcome(tally, "pack", validator: "")
    }

    /// The archive of a listed chart.
    func ociChart(_ entry: HelmChartEntry, _ registry: Registry) async throws -> [UInt8] {
        guard let place = OCIPlace(location: entry.location) else { throw OutboundError.badAnswer }
        return try await oci(registry).archive(
            .chart,
            in: place.repository,
            tag: place.tag,
            bytesMax: PackLimits.chartBytesMax
        )
    }

    /// The versions of a chart that is asked for by its name, whether or not it is listed.
    func ociCharts(named name: String, _ registry: Registry) async throws -> [HelmChartEntry] {
        let repository = OCIName.path("\(registry.spec.contentPath)/\(name)")
        guard registry.spec.provider == "helm", OCIName.isRepository(repository) else { return [] }
        return try await oci(registry).tags(of: repository).map { tag in
            OCIPlace(repository: repository, tag: tag).chart
        }
    }

    /// The repositories under a path; nil where the registry does not list them.
    private func listed(_ client: OCIClient, under path: String) async throws -> [String]? {
        do throws(OutboundError) {
            return try await client.repositories().filter { name in
                path.isEmpty || name == path || name.hasPrefix(path + "/")
            }
        } catch {
            guard error == .unauthorised || error == .badAnswer else { throw error }
            return nil
        }
    }

    private func oci(_ registry: Registry) throws -> OCIClient {
        try oci(registry.spec, try RegistrySecret(of: registry, under: sealing))
    }

    private func oci(_ spec: RegistrySpec, _ secret: RegistrySecret) throws -> OCIClient {
        guard let client = remotes.client else { throw OutboundError.busy }
        guard let url = HTTPURL(spec.endpoint) else { throw OutboundError.badAnswer }
        return OCIClient(
            url,
            spec.auth == .basic
                ? OCIClient.Credentials(username: spec.username, password: secret.password) : nil,
            trust: try RegistryReader.trust(spec),
            client: client
        )
    }
}

extension RegistrySpec {
    /// The path that all content of an OCI registry lies under, without slashes at its ends.
    fileprivate var contentPath: String {
        OCIName.path(baseContentPath.isEmpty ? basePath : baseContentPath)
    }
}

extension OCIPlace {
    /// The chart that the tag stands for; its digest is known once it is fetched.
    fileprivate var chart: HelmChartEntry {
        HelmChartEntry(
            name: name,
            version: version,
            digest: "",
            location: location,
            description: "",
            appVersion: "",
            isDeprecated: false
        )
    }
}
