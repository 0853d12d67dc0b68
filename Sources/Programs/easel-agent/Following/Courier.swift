import HTTPCore

/// Carries one request to the server and its answer back.
protocol Courier: Sendable {
    /// - Throws: `Silence` when no answer came; `CancellationError` when the agent is to stop.
    func send(_ request: CourierRequest) async throws -> CourierAnswer
}

/// A request of the agent; the courier knows the server.
struct CourierRequest: Sendable {
    let method: HTTPMethod
    /// The path with its query, percent-encoded.
    let target: String
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// The longest time until the whole answer is there.
    var deadline: Duration = .seconds(60)
}

/// What the server said.
struct CourierAnswer: Sendable {
    let status: Int
    /// Names in lower case.
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []

    func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// No answer came, or not all of it; the reason is a sentence.
struct Silence: Error, Sendable, Hashable {
    let reason: String
    /// What had come of the answer.
    var begun: Begun?

    /// The beginning of an answer.
    struct Begun: Sendable, Hashable {
        let status: Int
        let body: [UInt8]
        /// Whether the body is sent gzipped.
        var isGzipped = false
    }
}

/// Where the server is and whom it must be vouched for by.
struct ServerAddress: Sendable, Hashable {
    /// A URL without a path.
    let url: String
    /// PEM of a private authority, when there is one.
    let authority: String?
    /// Whether public authorities count too.
    let trustsPublic: Bool
}
