import APIKit
import ArgumentParser
import Audit
import Crypto
import EventLoop
import HTTPClient
import HTTPCore
import JSON
import Logging
import Packs
import Storage

/// Imports into a data directory that no server uses.
enum LocalImport {
    static func run(_ folder: String, _ data: String) throws -> [PackOutcome] {
        let directory = try DataDirectory(data)
        let database = try directory.open()
        defer { database.close() }
        let workers = try WorkerPool(threads: 1)
        defer { workers.shutdown() }
        // Trains relink just as they do when a server imports.
        let wiring = try Wiring(
            database,
            Wiring.Surroundings(
                sealingKey: try SealingKey.loadOrMake(path: directory.sealingKey),
                workers: workers,
                serverURL: { "" },
                caCertificate: nil,
                logger: Logger(label: "easel")
            )
        )
        let report = try blocking {
            try await wiring.packs.importFolder(folder, by: AuditActor(tenantUID: ""))
        }
        return report.results.map { result in
            PackOutcome(
                source: result.source,
                name: PackOutcome.name(result.name, result.version),
                outcome: result.outcome.rawValue,
                faults: result.faults.map(\.description),
                warnings: result.warnings.map(\.description)
            )
        }
    }

    /// Runs a task to its end on a thread that may wait.
    static func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let done = Semaphore()
        let box = Box<Value>()
        Task.detached {
            do { box.result = .success(try await body()) } catch { box.result = .failure(error) }
            done.signal()
        }
        done.wait()
        guard let result = box.result else { throw CancellationError() }
        return try result.get()
    }

    /// Written by the task before the semaphore is signalled, read after.
    private final class Box<Value: Sendable>: @unchecked Sendable {
        var result: Result<Value, any Error>?
    }
}

/// Imports over HTTP into a running server, one pack a request.
struct RemoteImport {
    private let server: String
    private let apiKey: String

    init(_ server: String, _ apiKey: String) {
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.apiKey = apiKey
    }

    func run(_ folder: String) throws -> [PackOutcome] {
        let client = try Outbound.client()
        let registry = try registryUID(client)
        var outcomes: [PackOutcome] = []
        // The newest first, as far as names tell: trains then relink once.
        for source in try PackSource.find(in: folder).reversed() {
            outcomes.append(try send(source, to: registry, client))
        }
        return outcomes.reversed()
    }

    private func url(_ path: String) throws -> HTTPURL {
        guard let url = HTTPURL(server + path) else {
            throw ValidationError("'\(server)' is not the URL of a server.")
        }
        return url
    }

    /// The uid of the registry `Public Repo`.
    private func registryUID(_ client: BlockingHTTPClient) throws -> String {
        let answer = try client.send(
            ClientRequest(
                .get,
                try url("/v1/registries/metadata?scope="),
                fields: [("ApiKey", apiKey)]
            )
        )
        let body = try JSONParser.parse(answer.body)
        guard answer.status == 200 else {
            throw Refusal(
                "The server refused: \(body["message"]?.text ?? "status \(answer.status)")"
            )
        }
        let registries = body["items"]?.elements ?? []
        let embedded = registries.first { $0["name"]?.text == Registry.embeddedName }
        guard let uid = (embedded ?? registries.first)?["uid"]?.text else {
            throw Refusal("The server has no pack registry.")
        }
        return uid
    }

    private func send(
        _ source: PackSource,
        to registry: String,
        _ client: BlockingHTTPClient
    ) throws -> PackOutcome {
        // Read here first: the server sees one archive and knows less of the files in it.
        let reading = source.read()
        let bytes: [UInt8]
        do {
            guard reading.faults.isEmpty else {
                return refused(source, reading, reading.faults.map(\.description))
            }
            bytes = try source.archive()
        } catch {
            return refused(source, reading, ["\(error)"])
        }
        let answer = try client.send(
            ClientRequest(
                .post,
                try url("/v1/registries/pack/\(registry)/packs"),
                fields: [("ApiKey", apiKey), ("Content-Type", "application/gzip")],
                body: bytes
            )
        )
        let body = try JSONParser.parse(answer.body)
        guard answer.status < 300 else {
            let errors = body["details"]?["errors"]?.elements ?? []
            let faults = errors.map { error in
                // As a fault that is found here is written: file, place and message.
                let place = (error["pointer"]?.text ?? "").replacing(
                    "#",
                    with: " ",
                    maxReplacements: 1
                )
                let message = error["message"]?.text ?? ""
                return place.isEmpty ? message : "\(place): \(message)"
            }
            return refused(source, reading, faults.isEmpty ? [body["message"]?.text ?? ""] : faults)
        }
        return PackOutcome(
            source: source.name,
            name: PackOutcome.name(body["name"]?.text ?? "", body["version"]?.text ?? ""),
            outcome: body["outcome"]?.text ?? "",
            faults: [],
            warnings: (body["warnings"]?.elements ?? []).compactMap(\.text)
        )
    }

    private func refused(
        _ source: PackSource,
        _ reading: PackReading,
        _ faults: [String]
    ) -> PackOutcome {
        PackOutcome(
            source: source.name,
            name: PackOutcome.name(reading.name, reading.version),
            outcome: "refused",
            faults: faults,
            warnings: reading.warnings.map(\.description)
        )
    }
}
