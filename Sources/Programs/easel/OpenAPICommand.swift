import APIKit
import Archive
import ArgumentParser
import Crypto
import EventLoop
import Glibc
import JSON
import Logging
import Primitives
import Storage

/// `easel openapi`: writes the documents that the repository keeps.
struct OpenAPICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi",
        abstract: "Write the OpenAPI documents into a folder.",
        shouldDisplay: false
    )

    @Option(help: "The folder for palette.json and agent.json.")
    var output: String

    func run() throws {
        for document in Endpoint.Document.allCases {
            let text = try Self.text(of: document)
            try Files.atomicWrite(
                path: "\(output)/\(document.rawValue).json",
                bytes: Array(text.utf8),
                mode: 0o644
            )
        }
    }

    /// The document as a server gives it, compressed once.
    struct Served: Sendable {
        let plain: [UInt8]
        let gzipped: [UInt8]
        let entityTag: String

        init(_ document: [UInt8]) {
            plain = document
            gzipped = Gzip.compress(document, level: 9)
            entityTag = SHA256.digest(document).hex
        }
    }

    /// One of the documents, as its file holds it.
    static func text(of document: Endpoint.Document) throws -> String {
        let endpoints = try Self.endpoints().filter { $0.document == document }
        let title = document == .palette ? "Easel: Palette's operations" : "Easel: own operations"
        return PrettyJSON.text(Self.document(of: endpoints, title: title))
    }

    static func document(of endpoints: [Endpoint], title: String) -> JSONValue {
        OpenAPIDocument.make(
            title: title,
            summary: "Management of edge Kubernetes appliances and what their agents follow.",
            version: Release.version,
            endpoints: endpoints
        )
    }

    /// All endpoints, from a wiring over a database that is thrown away.
    static func endpoints() throws -> [Endpoint] {
        var template = Array("/tmp/easel-openapi.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ValidationError("/tmp cannot be written.") }
        let folder = String(
            decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        defer {
            for name in ["easel.db", "easel.db-wal", "easel.db-shm", "easel.lock"] {
                unlink("\(folder)/\(name)")
            }
            rmdir(folder)
        }
        let database = try DataDirectory(folder).open()
        defer { database.close() }
        let workers = try WorkerPool(threads: 1)
        defer { workers.shutdown() }
        let wiring = try Wiring(
            database,
            Wiring.Surroundings(
                sealingKey: SealingKey(),
                workers: workers,
                serverURL: { "" },
                caCertificate: nil,
                logger: Logger(label: "easel")
            )
        )
        let system = SystemEndpoints(
            database: database,
            isOpen: { true },
            document: { Served([]) },
            metrics: { [] }
        )
        return wiring.endpoints + system.endpoints
    }
}

/// JSON with two spaces a level: documents that people read in diffs.
enum PrettyJSON {
    static func text(_ value: JSONValue) -> String {
        var text = ""
        write(value, 0, &text)
        return text + "\n"
    }

    private static func write(_ value: JSONValue, _ level: Int, _ text: inout String) {
        let inner = String(repeating: "  ", count: level + 1)
        let outer = String(repeating: "  ", count: level)
        switch value {
        case .array(let items) where !items.isEmpty:
            text += "[\n"
            for (index, item) in items.enumerated() {
                text += inner
                write(item, level + 1, &text)
                text += index + 1 < items.count ? ",\n" : "\n"
            }
            text += outer + "]"
        case .object(let object) where !object.isEmpty:
            text += "{\n"
            for (index, member) in object.enumerated() {
                text += inner + String(decoding: member.key.jsonBytes(), as: UTF8.self) + ": "
                write(member.value, level + 1, &text)
                text += index + 1 < object.count ? ",\n" : "\n"
            }
            text += outer + "}"
        default:
            text += String(decoding: value.jsonBytes(), as: UTF8.self)
        }
    }
}
