import AgentContract
import Crypto
import Primitives
import TLS

/// What the agent takes from outside, so that a test can give it.
struct Surroundings: Sendable {
    var disk: any Disk
    /// Makes the way to a server, with what is shown of the appliance there.
    var connect: @Sendable (ServerAddress, TLSIdentity?) throws -> any Courier
    var now: @Sendable () -> Timestamp
    var sleep: @Sendable (Duration) async throws -> Void
    var random: @Sendable () -> UInt64
    var log: @Sendable (EdgeLog.Level, String) -> Void
    var machine: @Sendable () -> Machine
}

/// How the agent was asked to run.
struct FollowerOptions: Sendable {
    var root: String
    var once = false
    /// In place of the server's interval.
    var pollIntervalSeconds: Int64?
    /// The longest wait of a poll; a random one from 30 to 60 s when not given.
    var waitSeconds: Int64?
}

/// The agent's life: wait for the site's files, pair, poll, apply, report.
final class Follower {
    /// How often the site's files are looked at while something is waited for.
    static let watchInterval = Duration.seconds(2)
    /// The pause after the server said that it is behind, unless it names a longer one.
    static let behindSeconds: Int64 = 60

    let options: FollowerOptions
    let outside: Surroundings
    let store: StateStore
    let keeper: LayerKeeper

    var state = AgentState()
    var machine = Machine()
    var inputs: Inputs?
    var link: ServerLink?
    var credential: String?
    /// Whether this run has paired.
    var hasPaired = false
    var desired: DesiredState?
    var result: LayerKeeper.Result?
    /// Removed since the server last heard a report.
    var removed: [AppliedLayer] = []
    var reporting = Reporting()
    var backoff = Backoff()
    /// Told with each poll, so that the server tells this agent from one on a copy of its disk.
    var stamp: PollStamp
    /// Whether the server holds back news until an operator has looked at the appliance.
    var isPaused = false
    /// When the certificate is to be renewed; nil while there is none to renew.
    var renewAt: Timestamp?
    private var isOpen = false
    private var signature: String?
    /// What the log said last of a standing trouble, so that it is not said again.
    private var lastSaid: [String: String] = [:]

    init(_ options: FollowerOptions, _ outside: Surroundings) {
        self.options = options
        self.outside = outside
        stamp = PollStamp.start(random: outside.random())
        store = StateStore(disk: outside.disk, root: options.root + "/state")
        keeper = LayerKeeper(
            applier: DirectoryApplier(disk: outside.disk, root: options.root + "/applied"),
            blobs: BlobStore(disk: outside.disk, root: options.root + "/blobs")
        )
    }

    /// Runs until the task is cancelled; with `once`, one time.
    ///
    /// - Returns: whether all layers are applied and the server has heard it.
    func run() async -> Bool {
        machine = outside.machine()
        while !Task.isCancelled {
            do {
                guard try await prepare() else {
                    if options.once { return false }
                    try await outside.sleep(Self.watchInterval)
                    continue
                }
                let pause = try await turn()
                if options.once { return isSettled }
                if let pause { try await wait(pause) }
            } catch is CancellationError {
                break
            } catch {
                // The machine itself: a full or broken disk, most likely.
                outside.log(.error, "\(error)")
                if options.once { return false }
                try? await outside.sleep(
                    backoff.next(retryAfter: nil, random: outside.random())
                )
            }
        }
        return isSettled
    }

    /// Forgets which life of the agent this is: a copy of the running machine knows it too.
    func beginRun() { stamp = PollStamp.start(random: outside.random()) }

    private var isSettled: Bool {
        credential != nil && result?.isComplete == true && !reporting.isDue
    }

    var interval: Int64 {
        max(1, options.pollIntervalSeconds ?? min(state.pollIntervalSeconds, 3600))
    }

    /// Says something of a standing trouble unless it was the last thing said of it.
    func say(_ topic: String, _ level: EdgeLog.Level, _ message: String) {
        guard lastSaid.updateValue(message, forKey: topic) != message else { return }
        outside.log(level, message)
    }

    /// The trouble is over; it is news when it comes again.
    func unsay(_ topic: String) { lastSaid[topic] = nil }

    /// Waits; ends early when the site's files change.
    private func wait(_ pause: Duration) async throws {
        var left = pause
        while left > .zero {
            let piece = min(left, Self.watchInterval)
            try await outside.sleep(piece)
            left -= piece
            if try reader.signature() != signature { return }
        }
    }

    // MARK: What is needed to begin

    private var reader: InputReader {
        InputReader(disk: outside.disk, root: options.root, machineID: machine.machineID)
    }

    /// Reads the site's files when they changed; false when they cannot be used.
    private func prepare() async throws -> Bool {
        let current = try reader.signature()
        guard current != signature else { return inputs != nil }
        switch try reader.read() {
        case .missing(let names):
            signature = current
            say(
                "inputs",
                .info,
                "Waiting for \(names.joined(separator: " and ")) in \(options.root)."
            )
            // What was there before still holds.
            return inputs != nil
        case .faulty(let sentences):
            signature = current
            for sentence in sentences { outside.log(.error, sentence) }
            return inputs != nil
        case .ready(let found, let archive):
            if !isOpen { try openState() }
            do throws(SystemProfileArchive.Refusal) {
                try archive.requireSigner(found.site.archiveKey ?? state.archiveKey)
            } catch {
                signature = current
                outside.log(.error, error.description)
                return inputs != nil
            }
            try open(found, archive)
            signature = current
            return true
        }
    }

    private func open(_ found: Inputs, _ archive: SystemProfileArchive) throws {
        if !state.applianceUID.isEmpty, state.applianceUID != found.deviceID {
            outside.log(
                .warning,
                "The device ID is now '\(found.deviceID)' and no longer "
                    + "'\(state.applianceUID)': pairing under the new one."
            )
            try store.dropCredential()
            try store.dropDesired()
            credential = nil
            desired = nil
            state.seen = nil
            reporting.forget()
        }
        state.applianceUID = found.deviceID
        if state.fingerprint.isEmpty {
            state.fingerprint = machine.fingerprint ?? Hex.encode(RandomBytes.make(32))
        }
        if state.archiveDigest != found.archiveDigest {
            for part in found.profile.layers.flatMap(LayerKeeper.parts) {
                guard try !keeper.blobs.has(part.digest),
                    let bytes = archive.contents(of: part.digest)
                else { continue }
                _ = try keeper.blobs.keep(bytes, as: part.digest)
            }
            state.archiveDigest = found.archiveDigest
            state.archiveKey = archive.signingKey.pem
        }
        try store.save(state)
        if inputs?.server != found.server || inputs?.deviceID != found.deviceID || link == nil
            || inputs?.site.hasOwnKey != found.site.hasOwnKey
        {
            try connect(found)
        }
        sayWhatIsIgnored(found)
        inputs = found
        // New site properties may change what the layers become.
        result = nil
    }

    private func sayWhatIsIgnored(_ found: Inputs) {
        if found.site.httpsProxy != nil || found.site.httpProxy != nil {
            say(
                "proxy",
                .warning,
                "The proxy of unattended.yaml is given to templates, but this agent connects to "
                    + "\(found.server.url) directly."
            )
        }
        if found.server.url.lowercased().hasPrefix("http://") {
            say(
                "plain",
                .warning,
                "\(found.server.url) is not encrypted: whoever listens can read the credential."
            )
        }
    }

    private func openState() throws {
        try outside.disk.makeFolder(options.root + "/state", mode: 0o700)
        try outside.disk.makeFolder(options.root + "/applied", mode: 0o755)
        try outside.disk.makeFolder(options.root + "/blobs", mode: 0o755)
        switch try store.load() {
        case .state(let found):
            state = found
        case .nothing, .damaged:
            let layers = try keeper.applier.layers().values.compactMap { $0 }
            let hasRun = try !layers.isEmpty || store.credential() != nil
            state =
                hasRun
                ? StateStore.rebuilt(from: layers, now: outside.now()) : AgentState()
            if hasRun {
                outside.log(
                    .warning,
                    "state/agent.json was damaged or gone; it was made again from "
                        + "\(layers.count) applied layers."
                )
            }
        }
        credential = try store.credential()
        desired = try store.desired()
        if let number = desired?.number { state.seen = max(number, state.seen ?? number) }
        // A damaged file would have been higher: what is older than the seen state is not applied.
        if let number = desired?.number, number != state.seen { desired = nil }
        isOpen = true
    }
}
