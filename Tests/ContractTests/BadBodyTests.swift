import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

/// What no operation may fall over, whatever it is sent (SECURITY 20, 22, 24; DESIGN 4).
@Suite("A body that does not fit")
struct BadBodyTests {
    /// The calls with a JSON body, and the schema of each.
    private static func calls(_ world: World) throws -> [(Call, Endpoint, Schema)] {
        try world.calls(of: world.own).compactMap { call in
            guard let endpoint = world.endpoints.first(where: { $0.id == call.id }),
                let schema = endpoint.inputSchema
            else { return nil }
            return (call, endpoint, schema)
        }
    }

    /// Sends a body to every operation that takes one.
    ///
    /// - Returns: what was answered with another status than one of these.
    private static func sendToAll(
        _ world: World,
        expecting statuses: Set<UInt16>,
        headers: [(String, String)] = [],
        _ raw: (Endpoint) -> [UInt8]
    ) async throws -> [String] {
        var wrong: [String] = []
        let before = try world.snapshot()
        for (call, endpoint, _) in try calls(world) {
            let answer = try await world.send(
                call,
                of: world.own,
                raw: raw(endpoint),
                headers: headers
            )
            if !statuses.contains(answer.status) { wrong.append("\(call): \(answer.text)") }
        }
        return wrong + (try world.snapshot().changes(since: before))
    }

    @Test(arguments: [
        "not json", "{", "{\"a\":}", "{} {}", "{'a':1}", "{\"a\":1,}", "[1]", "\"text\"", "5",
        "true", "\u{feff}{}", "{\"a\":\"\u{1}\"}", "{\"a\":01}", "{\"a\":.5}", "{\"a\":NaN}",
        "{\"a\":Infinity}", "{\"a\":1e400}", "{\"a\":-1e400}", "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00x\"}", "{\"a\":\"\\u12\"}", "{\"a\":1,\"a\":2}",
        "{\"metadata\":{\"name\":\"a\",\"name\":\"b\"}}", "{\"a\":/*x*/1}", "nul", "null",
    ])
    func `is refused when it is no JSON object`(_ text: String) async throws {
        let world = try await World.shared.value
        let wrong = try await Self.sendToAll(world, expecting: [400]) { _ in Array(text.utf8) }
        #expect(wrong == [])
    }

    @Test func `is refused when it is missing, unless the operation can do without`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for (call, endpoint, _) in try Self.calls(world) where !endpoint.isBodyOptional {
            let answer = try await world.send(call, of: world.own, raw: [])
            #expect(answer.status == 400, "\(call) answered \(answer.status)")
            #expect(answer.faults == [" Required"], "\(call)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
        let optional = world.endpoints.filter(\.isBodyOptional).map(\.id).sorted()
        #expect(
            optional == [
                "replaceApplianceHost", "v1ClusterProfilesFilterSummary",
                "v1DashboardEdgehostsSearch", "v1EdgeHostsMetadata", "v1PacksSearch",
                "v1ProjectsFilterSummary", "v1ProjectsUidDelete",
            ]
        )
    }

    @Test func `is refused when its bytes are no text`() async throws {
        let world = try await World.shared.value
        for bytes: [UInt8] in [
            [0xff, 0xfe], [0], Array("{\"a\":\"".utf8) + [0xc0, 0x80, 0x22, 0x7d],
        ] {
            let wrong = try await Self.sendToAll(world, expecting: [400]) { _ in bytes }
            #expect(wrong == [])
        }
    }

    @Test(arguments: [UInt8(ascii: "["), UInt8(ascii: "{")])
    func `is refused when it is nested deeper than anything sensible`(_ opening: UInt8) async throws
    {
        let world = try await World.shared.value
        let wrong = try await Self.sendToAll(world, expecting: [400]) { endpoint in
            let depth = min(100_000, endpoint.bodyBytesMax / 6)
            let unit = opening == UInt8(ascii: "[") ? "[" : "{\"a\":"
            return Array("{\"a\":".utf8) + Array(String(repeating: unit, count: depth).utf8)
        }
        #expect(wrong == [])
    }

    @Test func `is refused when it has members without end`() async throws {
        let world = try await World.shared.value
        var big = Array("{".utf8)
        for index in 0..<1_000_000 { big += Array("\"\(index)\":0,".utf8) }
        big += Array("\"x\":0}".utf8)
        let body = big
        let wrong = try await Self.sendToAll(world, expecting: [400, 413]) { _ in body }
        #expect(wrong == [])
    }

    @Test func `is refused when it is one byte too large`() async throws {
        let world = try await World.shared.value
        let wrong = try await Self.sendToAll(world, expecting: [413]) { endpoint in
            [UInt8](repeating: UInt8(ascii: " "), count: endpoint.bodyBytesMax + 1)
        }
        #expect(wrong == [])
    }

    @Test(arguments: [
        "text/plain", "application/xml", "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x", "application/jsonp", "json", "text/json",
    ])
    func `is refused when it is sent as something else`(_ type: String) async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for (call, _, _) in try Self.calls(world) {
            let answer = try await world.send(
                call,
                of: world.own,
                headers: [("Content-Type", type)]
            )
            #expect(answer.status == 415, "\(call) answered \(answer.text)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `is told of each property that is wrong, and where`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        var tried = 0
        for (call, _, schema) in try Self.calls(world) {
            for wrong in schema.wrongBodies(from: call.body ?? [:]) {
                tried += 1
                let answer = try await world.send(
                    call,
                    of: world.own,
                    raw: wrong.body.jsonBytes()
                )
                #expect(
                    answer.status == 400 || answer.status == 422,
                    "\(call) \(wrong.pointer) \(wrong.code) answered \(answer.text)"
                )
                #expect(
                    answer.faults.contains("\(wrong.pointer) \(wrong.code)"),
                    "\(call) \(wrong.pointer) \(wrong.code): \(answer.faults)"
                )
            }
        }
        #expect(tried > 500, "\(tried) bodies")
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `is told of all faults at once`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for (call, _, schema) in try Self.calls(world) {
            guard case .object(let properties, _) = schema else { continue }
            var body = JSONObject()
            var pointers: Set<String> = []
            for (name, property) in properties where property != .any {
                // A list is wrong for everything but a list.
                if case .array = property { body[name] = "text" } else { body[name] = [1] }
                pointers.insert(JSONPointer(name).text)
            }
            let answer = try await world.send(
                call,
                of: world.own,
                raw: JSONValue.object(body).jsonBytes()
            )
            let named = answer.faults.compactMap { $0.split(separator: " ").first.map(String.init) }
            #expect(answer.status == 400, "\(call)")
            #expect(pointers.subtracting(named).sorted() == [], "\(call): \(answer.text)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `is told of what is missing`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for (call, endpoint, schema) in try Self.calls(world) {
            guard case .object(_, let required) = schema, !required.isEmpty else { continue }
            let answer = try await world.send(call, of: world.own, raw: Array("{}".utf8))
            #expect(answer.status == 400, "\(call) answered \(answer.status)")
            for name in required {
                #expect(
                    answer.faults.contains {
                        // Of an object what it must hold is named.
                        ($0.hasPrefix("/\(name) ") || $0.hasPrefix("/\(name)/"))
                            && $0.hasSuffix("Required")
                    },
                    "\(endpoint.id) \(name): \(answer.faults)"
                )
            }
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // SECURITY 24: what a machine says of itself is as strict.
    @Test func `of a machine may hold only numbers that hardware has`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for number in ["-1", "9223372036854775808", "1e300", "-9223372036854775809", "1.5"] {
            let text = """
                {"metadata":{"uid":"m"},"spec":{"host":{"hostUid":"m"},"device":{"cpu":{"cores":\
                \(number)},"memory":{"sizeInMB":\(number)},"disks":[{"size":\(number)}]}}}
                """
            let answer = try await world.api.call(
                .post,
                "/v1/edgehosts/register",
                as: nil,
                raw: Array(text.utf8)
            )
            #expect(answer.status == 400, "\(number): \(answer.text)")
            // No number that JSON readers agree on: the body is not read on.
            let isBeyond = number.contains("922337203685477580")
            #expect(answer.faults.count == (isBeyond ? 1 : 3), "\(number): \(answer.faults)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `that is no pack is refused, whatever it is`() async throws {
        let world = try await World.shared.value
        let call = try #require(
            world.calls(of: world.own).first { $0.id == "importPack" }
        )
        let before = try world.snapshot()
        let pack = try PlaceMaker.pack("cut", "1.0.0")
        for bytes in [
            [], Array("{}".utf8), [0x1f, 0x8b], Array(pack.prefix(pack.count / 2)),
            Array(pack.dropLast(4)), [UInt8](repeating: 0, count: 4096),
        ] {
            let answer = try await world.send(call, of: world.own, raw: bytes)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(!answer.faults.isEmpty)
        }
        let typed = try await world.send(
            Call(id: call.id, method: .post, target: call.target, raw: pack),
            of: world.own,
            headers: [("Content-Type", "application/json")]
        )
        #expect(typed.status == 415)
        #expect(try world.snapshot().changes(since: before) == [])
    }
}
