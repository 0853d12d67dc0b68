import AgentContract
import Crypto
import JSON
import Primitives

/// The agent's own files under `state/`: what it remembers, the last desired state, the credential,
/// and the appliance's own key with its certificate.
struct StateStore: Sendable {
    let disk: any Disk
    let root: String

    private var statePath: String { root + "/agent.json" }
    private var desiredPath: String { root + "/desired.json" }
    private var credentialPath: String { root + "/credential" }
    private var keyPath: String { root + "/client.key" }
    private var certificatePath: String { root + "/client.pem" }
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

    /// Forgets the credential, and the certificate that stands for it.
    func dropCredential() throws {
        try disk.removeFile(certificatePath)
        try disk.removeFile(credentialPath)
    }

    /// The appliance's own key in PEM, made when there is none that can be used.
    func key() throws -> [UInt8] {
        if let pem = try? disk.read(keyPath, bytesMax: SecretFile.bytesMax),
            (try? PrivateKey(pem: pem)) != nil
        {
            return pem
        }
        let pem = try PrivateKey().pem()
        try disk.write(keyPath, pem, mode: 0o600)
        return pem
    }

    /// The certificate for the key with its authority's, in PEM; nil when there is none.
    func certificate() throws -> [UInt8]? {
        guard let pem = try? disk.read(certificatePath, bytesMax: SecretFile.bytesMax) else {
            return nil
        }
        return pem
    }

    /// Keeps a certificate.
    func save(certificate: String) throws {
        try disk.write(certificatePath, Array(certificate.utf8), mode: 0o600)
    }
}
