import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

/// What Palette's public API says of the operations that this server takes over: facts of method,
/// path, status and shape, in `Fixtures/palette-operations.json`.
@Suite("Palette's operations")
struct PaletteTests {
    private struct Facts {
        let operations: [String: JSONValue]
        let definitions: JSONObject

        init() throws {
            let file = try RepositoryFile.json(
                "Tests/ContractTests/Fixtures/palette-operations.json")
            operations = Dictionary(
                uniqueKeysWithValues: (file["operations"]?.elements ?? []).map {
                    ("\($0["method"]?.text ?? "") \($0["path"]?.text ?? "")", $0)
                })
            definitions = file["definitions"]?.members ?? [:]
        }

        /// What of a value does not fit a kind: `#name` is a definition, `[k]` a list, `map:k` a
        /// map, `string|a|b` an enumeration; a member with `!` is always there.
        func mismatches(_ value: JSONValue, _ kind: String, at pointer: String) -> [String] {
            if kind == "any" { return [] }
            if kind.hasPrefix("#") {
                switch definitions[String(kind.dropFirst())] {
                case .string(let alias)?: return mismatches(value, alias, at: pointer)
                case .object(let members)?: return mismatches(value, members, at: pointer)
                default: return []
                }
            }
            if kind.hasPrefix("["), case .array(let items) = value {
                let inner = String(kind.dropFirst().dropLast())
                return items.enumerated().flatMap {
                    mismatches($0.element, inner, at: "\(pointer)/\($0.offset)")
                }
            }
            if kind.hasPrefix("map:"), case .object(let members) = value {
                return members.flatMap {
                    mismatches($0.value, String(kind.dropFirst(4)), at: "\(pointer)/\($0.key)")
                }
            }
            let choices = kind.split(separator: "|", omittingEmptySubsequences: false)
            switch (choices.first ?? "", value) {
            case ("string", .string(let text)):
                return choices.count == 1 || text.isEmpty || choices.dropFirst().contains { $0 == text }
                    ? [] : ["\(pointer) is '\(text)', not one of \(kind)"]
            case ("integer", .int), ("number", .int), ("number", .double), ("boolean", .bool),
                ("object", .object):
                return []
            default: return ["\(pointer) is not \(kind)"]
            }
        }

        private func mismatches(
            _ value: JSONValue, _ members: JSONObject, at pointer: String
        ) -> [String] {
            guard case .object(let object) = value else { return ["\(pointer) is no object"] }
            var wrong: [String] = []
            for member in members {
                let isRequired = member.key.hasSuffix("!")
                let name = isRequired ? String(member.key.dropLast()) : member.key
                if let found = object[name] {
                    wrong += mismatches(found, member.value.text ?? "any", at: "\(pointer)/\(name)")
                } else if isRequired {
                    wrong.append("\(pointer)/\(name) is missing")
                }
            }
            return wrong
        }
    }

    @Test func `exist there with the method, path and status that the code claims`() async throws {
        let facts = try Facts()
        for endpoint in try await World.shared.value.endpoints where endpoint.document == .palette {
            let name = "\(endpoint.method.text) \(endpoint.path)"
            guard let fact = facts.operations[name] else {
                Issue.record("\(name) is no operation of Palette's")
                continue
            }
            #expect(fact["id"]?.text == endpoint.id, "\(name)")
            #expect(fact["status"]?.integer == Int64(endpoint.success), "\(name)")
            let hasBody = !(fact["answer"]?.isNull ?? true)
            #expect(hasBody == (endpoint.outputContentType != nil), "\(name)")
        }
    }

    @Test func `answer what their clients read`() async throws {
        let facts = try Facts()
        for endpoint in try await World.shared.value.endpoints where endpoint.document == .palette {
            let fact = facts.operations["\(endpoint.method.text) \(endpoint.path)"]
            guard let kind = fact?["answer"]?.text, kind != "string/binary" else { continue }
            for example in endpoint.examples {
                #expect(facts.mismatches(example, kind, at: "") == [], "\(endpoint.id)")
            }
        }
    }

    @Test func `answer what their clients read when they are called`() async throws {
        let facts = try Facts()
        let world = try await World()
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            let fact = facts.operations["\(endpoint.method.text) \(endpoint.path)"]
            let answer = try await world.send(call, of: world.own)
            guard let kind = fact?["answer"]?.text, kind != "string/binary", answer.status < 300
            else { continue }
            #expect(facts.mismatches(answer.json, kind, at: "") == [], "\(call)")
        }
    }
}
