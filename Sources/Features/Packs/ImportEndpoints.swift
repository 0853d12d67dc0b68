import APIKit
import Audit
import HTTPCore
import JSON
import Storage

/// What an import over HTTP answers.
struct ImportAnswer: WireOutput {
    let result: PackImportResult

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("uid", result.uid)
            writer.field("name", result.name)
            writer.field("version", result.version)
            writer.field("outcome", result.outcome.rawValue)
            writer.field("warnings", result.warnings.map(\.description))
        }
    }

    static var examples: [ImportAnswer] {
        [
            ImportAnswer(
                result: PackImportResult(
                    source: "",
                    name: "hello-universe",
                    version: "1.2.0",
                    outcome: .imported,
                    uid: "65f1c0a4d2b7e81f3c9a4b6d",
                    faults: [],
                    warnings: [
                        PackFault("logo.png", "", "Missing", "A pack of one's own should have one.")
                    ]
                )
            )
        ]
    }
}

extension Packs {
    /// Easel's own: Palette fills its registries from elsewhere.
    ///
    /// The embedded registry serves every tenant and is written by the server's own organisation.
    var importPack: Endpoint {
        let examples = ImportAnswer.examples.compactMap { example in
            try? JSONParser.parse(example.jsonBytes())
        }
        return Endpoint(
            .post,
            "/v1/registries/pack/{uid}/packs",
            id: "importPack",
            tag: "registries-pack",
            summary: "Imports one pack, sent as a gzip tar archive, whole or not at all. Answers "
                + "200 when the same pack is there already.",
            document: .agent,
            access: .user(.registryUpdate),
            success: 201,
            failures: [
                .ruleViolated, .resourceNotFound, .unsupportedMediaType, .bodyTooLarge,
                .unavailable,
            ],
            bodyBytesMax: PackLimits.archiveBytesMax,
            bodyMediaTypes: Self.mediaTypes,
            outputSchema: .inferred(from: examples),
            outputContentType: .json,
            examples: examples
        ) { context in
            try await importPack(context)
        }.alsoAnswering(200).admitting { context in
            // Before the archive is sent and held in memory.
            try Self.registry(.pack, of: database, context).checkImportable()
            try Self.checkMediaType(context.request)
            try refuseOtherTenants(context)
            return try imports.enter()
        }
    }

    private func importPack(_ context: RequestContext) async throws -> Response {
        let registry = try Self.registry(.pack, of: database, context)
        let actor = AuditActor(context)
        let bytes = context.request.body
        let reading = try await apart { PackManifestReader.read(archive: bytes) }
        let result = try await importer.take(reading, from: "", into: registry, by: actor)
        guard result.outcome != .refused else {
            let faults = result.faults.map(\.fault)
            throw Failure(
                .ruleViolated,
                result.faults.count == 1
                    ? "\(result.faults[0])"
                    : "The pack has \(result.faults.count) faults; see details.errors.",
                faults: faults
            )
        }
        let known = context.endpoint.otherSuccesses.first ?? context.endpoint.success
        return Response(
            status: result.outcome == .imported ? context.endpoint.success : known,
            contentType: .json,
            body: ImportAnswer(result: result).jsonBytes()
        )
    }

    /// The embedded registry serves every tenant, and an import relinks the trains of all: only
    /// the organisation that the server was set up with may write it.
    ///
    /// - Throws: `.operationForbidden`.
    func refuseOtherTenants(_ context: RequestContext) throws {
        let owner = try database.read { tx in try RegistryStore.serverTenantUID(tx) }
        guard owner == nil || owner == context.tenantUID else {
            throw Dispatcher.forbidden(.registryUpdate)
        }
    }

    private static let mediaTypes = [
        "application/gzip", "application/x-gzip", "application/x-tar", "application/octet-stream",
    ]

    private static func checkMediaType(_ request: Request) throws {
        guard let type = request.text(of: "content-type") else { return }
        let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard mediaTypes.contains(media) else {
            throw Failure(
                .unsupportedMediaType,
                "Send the pack's archive as application/gzip or application/octet-stream."
            )
        }
    }
}
