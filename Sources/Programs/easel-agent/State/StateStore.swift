import AgentContract
import JSON
import Primitives

/// The agent's own files under `state/`: what it remembers, the last desired state, and the
/// credential.
struct StateStore: Sendable {
    let disk: any Disk
    let root: String

    private var statePath: String { root + "/agent.json" }
    private var desiredPath: String { root + "/desired.json" }
    private var credentialPath: String { root + "/credential" }
    private static let bytesMax = 64 << 20

    /// What was found.
    enum Found: Sendable, Hashable {
        case state(AgentState)
        /// There is none: a first start.
        case nothing
        /// The file is damaged; it was put aside.
        case damaged
    }

    /// Reads the state.
    func load() throws -> Found {
        try disk.makeFolder(root, mode: 0o700)
        guard let bytes = try disk.read(statePath, bytesMax: Self.bytesMax) else {
            return .nothing
        }
        if let content = SealedJSON.open(bytes),
            let state = (try? JSONParser.parse(content)).flatMap(AgentState.init)
        {
            return .state(state)
        }
        try disk.write(statePath + ".broken", bytes, mode: 0o600)
        try disk.removeFile(statePath)
        return .damaged
    }

    /// Replaces the state at one stroke.
    func save(_ state: AgentState) throws {
        try disk.write(statePath, SealedJSON.seal(state.jsonBytes()), mode: 0o600)
    }

    /// A state made from what the applied layers say, after its file was lost.
    static func rebuilt(from layers: [AppliedLayer], now: Timestamp) -> AgentState {
        var state = AgentState()
        state.seen = layers.compactMap(\.number).max()
        // Above every number used before, as long as there was less than a report a millisecond.
        state.sequence = max(1, now.milliseconds)
        return state
    }

    /// The last desired state that was taken up, as the server sent it.
    func desired() throws -> DesiredState? {
        guard let bytes = try? disk.read(desiredPath, bytesMax: Self.bytesMax),
            let content = SealedJSON.open(bytes)
        else { return nil }
        return try? DesiredState(
            JSONParser.parse(content, limits: JSONLimits(bytesMax: Self.bytesMax))
        )
    }

    /// Keeps a desired state; before `save` says that it was seen.
    func save(desired bytes: [UInt8]) throws {
        try disk.write(desiredPath, SealedJSON.seal(bytes), mode: 0o600)
    }

    /// Forgets the desired state.
    func dropDesired() throws { try disk.removeFile(desiredPath) }

    /// The appliance's own credential, when there is one that can be sent.
    func credential() throws -> String? {
        guard let bytes = try? disk.read(credentialPath, bytesMax: 4096) else { return nil }
        let text = bytes.prefix { $0 != 0x0A }
        guard !text.isEmpty, text.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    /// Keeps a credential where only the agent's own user can read it.
    func save(credential: String) throws {
        try disk.write(credentialPath, Array("\(credential)\n".utf8), mode: 0o600)
    }

    /// Forgets the credential.
    func dropCredential() throws { try disk.removeFile(credentialPath) }
}
