import APIKit
import HTTPCore
import JSON
import Testing

@testable import easel

@Suite("The OpenAPI documents")
struct DocumentTests {
    @Test(arguments: Endpoint.Document.allCases)
    func `are committed as they are generated: make openapi`(
        _ document: Endpoint.Document
    ) async throws {
        let committed = try RepositoryFile.text("openapi/\(document.rawValue).json")
        let generated = try OpenAPICommand.text(of: document)
        let lines = zip(
            committed.split(separator: "\n", omittingEmptySubsequences: false),
            generated.split(separator: "\n", omittingEmptySubsequences: false))
        if let (number, pair) = lines.enumerated().first(where: { $0.1.0 != $0.1.1 }) {
            Issue.record("line \(number + 1) is \(pair.0) and should be \(pair.1)")
        }
        #expect(committed.utf8.count == generated.utf8.count)
    }

    @Test func `say of every operation what a caller needs to know`() async throws {
        let endpoints = try await World.shared.value.endpoints
        #expect(Set(endpoints.map(\.id)).count == endpoints.count)
        for endpoint in endpoints {
            let name = "\(endpoint.method.text) \(endpoint.path)"
            #expect(!endpoint.id.isEmpty && !endpoint.tag.isEmpty, "\(name)")
            #expect(endpoint.summary.hasSuffix("."), "\(name)")
            #expect(endpoint.summary.count > 15, "\(name)")
            if endpoint.outputContentType == .json, endpoint.id != "getOpenAPI" {
                #expect(!endpoint.examples.isEmpty, "\(name) has no example")
                #expect(endpoint.outputSchema != nil, "\(name) has no schema")
            }
            for example in endpoint.examples {
                #expect(endpoint.outputSchema?.mismatches(example) == [], "\(name)")
            }
            for parameter in endpoint.query {
                #expect(parameter.summary.hasSuffix("."), "\(name) \(parameter.name)")
            }
        }
    }

    @Test func `declare the failures that follow from the shape of an operation`() async throws {
        for endpoint in try await World.shared.value.endpoints {
            let statuses = endpoint.documentedStatuses
            let names = Set(endpoint.query.map(\.name))
            if !endpoint.pathParameters.isEmpty, endpoint.access != .open {
                #expect(statuses.contains(404), "\(endpoint.id)")
            }
            if endpoint.access != .open { #expect(statuses.isSuperset(of: [401, 403])) }
            if endpoint.bodyBytesMax > 0 { #expect(statuses.isSuperset(of: [400, 413])) }
            if names.contains("limit") { #expect(statuses.contains(400), "\(endpoint.id)") }
        }
    }

    @Test func `name no operation that the server does not have`() async throws {
        let endpoints = try await World.shared.value.endpoints
        var documented: Set<String> = []
        for document in Endpoint.Document.allCases {
            let json = try RepositoryFile.json("openapi/\(document.rawValue).json")
            for path in try #require(json["paths"]?.members) {
                for (method, operation) in (path.value.members ?? [:]).map({ ($0.key, $0.value) }) {
                    documented.insert(
                        "\(method.uppercased()) \(path.key) \(operation["operationId"]?.text ?? "")")
                }
            }
        }
        let served = Set(endpoints.map { "\($0.method.text) \($0.path) \($0.id)" })
        #expect(documented.symmetricDifference(served).sorted() == [])
    }
}
