import AgentSync
import APIKit
import Appliances
import Crypto
import EventLoop
import HTTPClient
import HTTPCore
import Identity
import Logging
import Macros
import Packs
import Primitives
import Profiles
import Storage
import Synchronization

/// Puts the features together; the only file that knows them all.
struct Wiring: Sendable {
    let database: Database
    let identity: Identity
    let packs: Packs
    let macros: Macros
    let profiles: Profiles
    let appliances: Appliances
    let agents: AgentSync
    let cursors: CursorSealer
    let idempotency: Idempotency

    /// What the wiring needs of the server around it.
    struct Surroundings: Sendable {
        let sealingKey: SealingKey
        let workers: WorkerPool
        /// Where agents find the server.
        let serverURL: @Sendable () -> String
        /// PEM of the private authority of the server's certificate.
        let caCertificate: String?
        let logger: Logger
        /// Fetches from registries; nil where nothing is fetched, such as for a document.
        var outbound: OutboundClient?
        /// Folders of this machine that registries may lie in.
        var registryFolders: [String] = []
        /// Hours between two runs of a registry; 0 for none by schedule.
        var registrySyncHours = 24
        /// Signs certificates of appliances.
        var clientAuthority: ClientAuthority?
        /// How many old revisions of a profile are kept; nil for all.
        var revisionsKept: Int?
        /// A test moves it.
        var clock: Clock = .system
    }

    init(_ database: Database, _ around: Surroundings) throws {
        self.database = database
        let workers = around.workers
        let index = FleetIndex(epoch: database.epoch)
        idempotency = Idempotency(database: database, sealing: around.sealingKey)

        // What follows a change: an appliance's and a profile's go into the fleet index after the
        // commit; a pack's import relinks the profiles that follow its train in the same
        // transaction.
        appliances = Appliances(
            database: database,
            sealing: around.sealingKey,
            profileTemplates: Profiles.templates,
            onChange: { index.publish($0) }
        )
        let charts = ChartSource()
        let profiles = Profiles(
            database: database,
            archives: ProfileArchives(
                serverURL: around.serverURL,
                caCertificate: around.caCertificate,
                signingKey: try Self.signingKey(database, around.sealingKey),
                tokens: appliances.tokens,
                runSlow: { try await workers.run($0) }
            ),
            revisionsKept: around.revisionsKept,
            onRevision: {
                index.publish(
                    profileUID: $0.profileUID,
                    number: $0.number,
                    counter: $0.counter,
                    content: $0.content
                )
            },
            onDelete: { index.remove(profileUID: $0) },
            prepareChart: { try await charts.prepare($0, tenantUID: $1) },
            onBroken: { [logger = around.logger] uid, error in
                logger.error(
                    "a profile could not follow its train or macros",
                    metadata: ["profile": "\(uid)", "error": "\(error)"]
                )
            }
        )
        packs = Self.packs(of: database, around, relinking: profiles)
        charts.set(packs)
        macros = Macros(
            database: database,
            users: Profiles.macroUsers,
            onChange: { notice, tx in try profiles.macrosChanged(notice, tx) }
        )
        self.profiles = profiles
        identity = try Identity(
            database: database,
            sealingKey: around.sealingKey,
            clock: around.clock,
            slowWork: workers,
            projectReferrers: [Appliances.projectReferrers, Profiles.projectReferrers]
        )
        agents = AgentSync(
            database: database,
            index: index,
            appliances: appliances,
            profiles: Self.access(to: profiles, database),
            logger: around.logger,
            clientAuthority: around.clientAuthority
        )
        cursors = try Self.cursors(database, around.sealingKey)
    }

    /// Packs whose imports relink the profiles that follow a train, in the same transaction.
    private static func packs(
        of database: Database,
        _ around: Surroundings,
        relinking profiles: Profiles
    ) -> Packs {
        Packs(
            database: database,
            workers: around.workers,
            sealing: around.sealingKey,
            remotes: RegistryRemotes(client: around.outbound, folders: around.registryFolders),
            syncHours: around.registrySyncHours,
            logger: around.logger,
            onImport: { notice, tx in
                try profiles.relink(
                    registryUID: notice.registryUID,
                    packName: notice.packName,
                    version: notice.version,
                    tx
                )
            },
            referrers: Profiles.registryReferrers
        )
    }

    private static func cursors(_ database: Database, _ key: SealingKey) throws -> CursorSealer {
        CursorSealer(
            key: try ServerSecretStore.key(.listCursors, in: database, sealedUnder: key)
        )
    }

    private static func signingKey(
        _ database: Database,
        _ key: SealingKey
    ) throws -> SigningKey {
        try SigningKey(
            seed: ServerSecretStore.key(.archiveSigning, in: database, sealedUnder: key)
        )
    }

    /// What agents may see of profiles.
    private static func access(to profiles: Profiles, _ database: Database) -> ProfileAccess {
        ProfileAccess(
            eachPublished: { body in
                try profiles.eachPublished { notice in
                    body(
                        ProfileAccess.Revision(
                            profileUID: notice.profileUID,
                            number: notice.number,
                            counter: notice.counter,
                            content: notice.content
                        )
                    )
                }
            },
            canBeFollowed: { uid, scope, tx in
                try profiles.canBeFollowed(
                    uid,
                    tenantUID: scope.tenantUID,
                    projectUID: scope.projectUID,
                    tx
                )
            },
            holds: { digest, uid, tx in try profiles.holds(digest: digest, profileUID: uid, tx) },
            blob: { digest, tx in try BlobStore.get(digest, tx) },
            template: { uid, tx in try profiles.publishedTemplate(uid, tx) },
            manifest: { uid, profileUID, tx in
                try profiles.publishedManifest(uid, profileUID: profileUID, tx).map {
                    ProfileAccess.Manifest(name: $0.name, content: $0.content)
                }
            },
            archive: { uids, context in try await profiles.archive(ofFirst: uids, context) }
        )
    }

    /// Every operation of every feature, without the server's own.
    var endpoints: [Endpoint] {
        identity.endpoints + appliances.endpoints + packs.endpoints + macros.endpoints
            + profiles.endpoints + agents.endpoints
    }

    /// Finds the caller behind any credential.
    var authenticator: CombinedAuthenticator {
        CombinedAuthenticator(
            people: identity.authenticator,
            agents: agents.authenticator
        )
    }
}

/// Fetches charts for profiles, which are put together before the packs whose imports relink them.
private final class ChartSource: Sendable {
    private let packs = Mutex<Packs?>(nil)

    func set(_ packs: Packs) { self.packs.withLock { $0 = packs } }

    func prepare(_ chart: WantedChart, tenantUID: String) async throws {
        try await packs.withLock { $0 }?.prepare(chart, tenantUID: tenantUID)
    }
}

/// Sends appliances' credentials to the fleet index and all others to Identity.
struct CombinedAuthenticator: Authenticator {
    let people: IdentityAuthenticator
    let agents: AgentAuthenticator

    func principal(
        of request: Request,
        presenting credential: PresentedCredential
    ) throws -> Principal {
        switch credential {
        case .bearer(let range) where AgentAuthenticator.isAgentCredential(request, range):
            return try agents.principal(request, range)
        case .certificate(let digest):
            return try agents.principal(certified: digest)
        default:
            return try people.principal(of: request, presenting: credential)
        }
    }

    func scope(projectUID: String, for principal: Principal) throws -> Scope {
        try people.scope(projectUID: projectUID, for: principal)
    }
}
