import APIKit
import HTTPCore
import JSON
import Storage
import YAML

private let tag = "Cluster profiles"

/// How a profile is written into a file.
private enum FileFormat: String, CaseIterable {
    case json, yaml

    static let parameter = QueryParameter(
        "format",
        .string(enumeration: allCases.map(\.rawValue)),
        "How the file is written; json when missing."
    )

    /// - Throws: `.invalidRequest` for a format that nobody knows.
    init(_ context: RequestContext) throws {
        let text = context.query("format") ?? ""
        guard let format = text.isEmpty ? .json : FileFormat(rawValue: text) else {
            throw Failure.fault(
                "query/format",
                "NotAllowed",
                "'format' must be json or yaml.",
                as: .invalidRequest
            )
        }
        self = format
    }
}

extension Profiles {
    /// What carries profiles from one server to another.
    var transferEndpoints: [Endpoint] { [export, importProfile, importFile, validateImport] }

    private var export: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/export",
            id: "V1ClusterProfilesUidExport",
            tag: tag,
            summary: "Downloads a profile's draft as a file that another server imports; secrets "
                + "in it are masked.",
            access: .user(.profileGet),
            failures: [.resourceNotFound, .invalidRequest],
            query: [FileFormat.parameter],
            outputContentType: .octetStream
        ) { context in
            let (call, format) = (try ProfileCall(context), try FileFormat(context))
            let profile = try database.read { tx in try call.fetch(tx) }
            let file = try await archives.runSlow {
                let bytes = try database.read { tx in
                    try ProfileDocument(exporting: profile, tx).jsonBytes()
                }
                switch format {
                case .json: return bytes
                case .yaml:
                    return Array(YAMLWriter.text(try JSONParser.parse(bytes, limits: .stored)).utf8)
                }
            }
            let name = ProfileArchives.fileName("\(profile.name)-\(profile.profileVersion)")
            return Response(
                status: context.endpoint.success,
                contentType: .octetStream,
                body: file,
                fields: [
                    (
                        "Content-Disposition",
                        "attachment; filename=\"\(name).\(format.rawValue)\""
                    )
                ]
            )
        }.answeringWithEntityTag()
    }

    private static let publishes = QueryParameter(
        "publish",
        .boolean,
        "Publishes the new profile at once."
    )

    private var importProfile: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/import",
            id: "v1ClusterProfilesImport",
            tag: tag,
            summary: "Makes a profile of one that was exported, once all its packs are here and "
                + "its secrets are filled in.",
            access: .user(.profileCreate),
            success: 201,
            failures: [.ruleViolated, .duplicateName, .limitExceeded],
            query: [Self.publishes],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ProfileImport.self,
            output: UIDAnswer.self
        ) { input, context in
            try await take(input, context.bodyFaults, context)
        }.takingIdempotencyKey()
    }

    private var importFile: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/import/file",
            id: "v1ClusterProfilesImportFile",
            tag: tag,
            summary: "Makes a profile of an exported file, the part 'importFile' of a form.",
            access: .user(.profileCreate),
            success: 201,
            failures: [
                .invalidBody, .invalidRequest, .ruleViolated, .duplicateName, .limitExceeded,
                .unsupportedMediaType, .bodyTooLarge,
            ],
            query: [Self.publishes, FileFormat.parameter],
            bodyBytesMax: ProfileLimits.bodyBytes,
            bodyMediaTypes: ["multipart/form-data"],
            outputSchema: .inferred(from: UIDAnswer.examples.map { ["uid": .string($0.uid)] }),
            outputContentType: .json,
            examples: UIDAnswer.examples.map { ["uid": .string($0.uid)] }
        ) { context in
            let faults = FaultList()
            let object = try await file(context, FileFormat(context))
            let input = ProfileImport(from: Fields(object, faults: faults))
            let answer = try await take(input, faults.faults, context)
            return Response(
                status: context.endpoint.success,
                contentType: .json,
                body: answer.jsonBytes()
            )
        }.takingIdempotencyKey()
    }

    /// The document in the form that a request carries.
    private func file(
        _ context: RequestContext,
        _ format: FileFormat
    ) async throws -> JSONObject {
        let (request, type) = (context.request, context.request.text(of: "content-type") ?? "")
        guard type.lowercased().hasPrefix("multipart/form-data") else {
            throw Failure(
                .unsupportedMediaType,
                "Send a form (multipart/form-data) with the file in its part 'importFile'."
            )
        }
        let body = request.body
        do {
            // Away from the loop: forms and YAML take their time to read.
            let bytes = try await archives.runSlow {
                guard
                    let part = try MultipartForm.part("importFile", of: body, contentType: type)
                else {
                    let message = "The form has no part 'importFile'."
                    throw Failure.fault("/importFile", "Required", message, as: .invalidBody)
                }
                guard format == .yaml else { return part }
                let limits = YAMLLimits(bytesMax: ProfileLimits.bodyBytes)
                return try YAML.parseSingle(part, limits: limits)?.json().jsonBytes() ?? []
            }
            if case .object(let object) = try JSONParser.parse(bytes) { return object }
        } catch let error as MultipartForm.Unreadable {
            let message = "The form cannot be read: \(error.reason)."
            throw Failure.fault("", "InvalidForm", message, as: .invalidBody)
        } catch let error as YAMLError {
            throw Self.unreadable("YAML", error.reason, error.line, error.column)
        } catch let error as JSONError {
            throw Self.unreadable("JSON", error.reason, error.line, error.column)
        }
        let message = "The file must hold an object."
        throw Failure.fault("/importFile", "WrongType", message, as: .invalidBody)
    }

    private static func unreadable(
        _ format: String,
        _ reason: String,
        _ line: Int,
        _ column: Int
    ) -> Failure {
        Failure.fault(
            "/importFile",
            "Invalid\(format)",
            "The file is not valid \(format): \(reason) (line \(line), column \(column)).",
            as: .invalidBody
        )
    }

    private func take(
        _ input: ProfileImport,
        _ shape: [Fault],
        _ context: RequestContext
    ) async throws -> UIDAnswer {
        let call = try ProfileCall(context)
        let publishes = context.flag("publish")
        let inputs = input.spec.template.layers.map(\.input)
        let texts =
            try await textFaults(of: inputs) + variableFaults(of: input.spec.variables)
        try await fetchCharts(of: inputs, tenantUID: context.tenantUID)
        return try await context.write(database) { tx in
            let faults = FaultList(texts)
            let layers = try input.layers(call, shape, faults, tx)
            var profile = try call.newProfile(
                input.metadata.name,
                input.spec.version,
                type: input.spec.template.type,
                cloudType: input.spec.template.cloudType,
                tx
            )
            profile.labels = input.metadata.labels
            let description = input.metadata.description
            if !description.isEmpty { profile.annotations = ["description": description] }
            profile.layers = layers
            let wrong = try ProfileRules.composition(
                ofNew: layers,
                count: inputs.count,
                type: profile.type,
                cloudType: profile.cloudType,
                tenantUID: call.tenantUID,
                at: "/spec/template",
                tx
            )
            for fault in wrong { faults.add(fault) }
            profile.variables = try VariableRules.stored(input.spec.variables, faults)
            try ReferenceRules.check(inputs, of: profile, faults, tx)
            try ProfileRules.refuse(shape, and: faults.faults, naming: profile, tx)
            try add(
                profile,
                publishes: publishes,
                "Imported \(publishes ? "and published " : "")profile '\(profile.name)' "
                    + "\(profile.profileVersion).",
                call,
                tx
            )
            return UIDAnswer(uid: profile.uid)
        }
    }

    private var validateImport: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/import/validate",
            id: "v1ClusterProfilesImportValidate",
            tag: tag,
            summary: "Shows an exported profile with the registries here that hold each of its "
                + "packs; a pack without any is missing.",
            access: .user(.profileCreate),
            failures: [.ruleViolated, .duplicateName],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ProfileImport.self,
            output: ProfileDocument.self
        ) { input, context in
            let (call, shape) = (try ProfileCall(context), context.bodyFaults)
            let texts =
                try await textFaults(of: input.spec.template.layers.map(\.input))
                + variableFaults(of: input.spec.variables)
            return try database.read { tx in
                let (name, version) = (input.metadata.name, input.spec.version)
                if !shape.isEmpty || !texts.isEmpty, try call.isTaken(name, version, tx) {
                    try Failure.refuse(shape, and: texts + [ProfileRules.takenName(name, version)])
                }
                try Failure.refuse(shape, and: texts)
                try call.refuseTaken(name, version, tx)
                return try input.document(call, tx)
            }
        }
    }
}
