import APIKit
import Crypto
import HTTPCore
import JSON
import Primitives
import Testing
import TestSupport

/// Who may call what: every operation asks for itself (SECURITY 1, 3, 4, 53).
@Suite("Who may call")
struct GuardTests {
    /// What a refusal says, without what names the call.
    private static func shape(_ answer: TestAnswer, naming uids: [(String, String)]) -> String {
        var text = answer.text
        let ref = answer.json["ref"]?.text ?? ""
        if !ref.isEmpty { text = text.replacing(ref, with: "<ref>") }
        for (uid, name) in uids where !uid.isEmpty { text = text.replacing(uid, with: name) }
        return "\(answer.status) \(text) \(answer.header("WWW-Authenticate") ?? "")"
    }

    private static let openWithReason: [String: String] = [
        "getLiveness": "asked by supervisors, tells nothing but that the process answers",
        "getReadiness": "asked by load balancers",
        "getMetrics": "scraped; names operations, not tenants",
        "getOpenAPI": "the document is public",
        "getSystemProfilePublicKey": "a public key; who checks an archive has no account",
        "v1Authenticate": "the sign-in itself",
        "v1AuthRefresh": "the path holds the credential",
        "v1EdgeHostDevicesRegister": "the body holds the credential",
        "edgeServiceLogin": "the body holds the credential",
    ]

    @Test func `only these operations are open`() async throws {
        let world = try await World.shared.value
        let open = world.endpoints.filter { $0.access == .open }.map(\.id)
        #expect(Set(open) == Set(Self.openWithReason.keys))
    }

    // SECURITY 1.
    @Test(arguments: [
        nil, ("ApiKey", ""), ("Authorization", ""), ("Authorization", "Bearer "),
        ("Authorization", "Bearer null"), ("Authorization", "null"), ("ApiKey", "null"),
        ("ApiKey", "undefined"), ("Authorization", "Bearer easel_agent_garbage"),
        ("ApiKey", "easel_key_garbage"), ("Authorization", "Bearer a.b.c"),
        ("Authorization", "Basic YWRtaW46YWRtaW4="), ("ApiKey", "easel_agent_garbage"),
    ])
    func `no credential, or none that is valid, is answered 401`(
        _ presented: (String, String)?
    ) async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for call in try world.calls(of: world.own) where Self.openWithReason[call.id] == nil {
            let answer = try await world.send(
                call,
                of: world.own,
                credential: .some(presented),
                project: .some(nil)
            )
            #expect(answer.status == 401, "\(call) answered \(answer.text)")
            #expect(answer.code == "Unauthorized", "\(call)")
            #expect(answer.header("WWW-Authenticate") != nil, "\(call)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `no credential is taken from a query parameter that is wrong`() async throws {
        let world = try await World.shared.value
        for value in ["", "null", "easel_key_garbage"] {
            let answer = try await world.api.call(.get, "/v1/users?ApiKey=\(value)", as: nil)
            #expect(answer.status == 401)
        }
        let right = try await world.api.call(
            .get,
            "/v1/users?ApiKey=\(world.own.key)",
            as: nil
        )
        #expect(right.status == 200)
    }

    // SECURITY 4: what is another tenant's is unknown, in every place of every path.
    @Test func `another tenant's object is unknown`() async throws {
        let world = try await World.shared.value
        let (own, other, unknown) = (world.own, world.other, world.own.unknown)
        let before = try world.snapshot()
        let foreign = try world.calls(of: own)
        let missing = try world.calls(of: unknown)
        for (call, nobodys) in zip(foreign, missing)
        where call.target != nobodys.target && Self.openWithReason[call.id] == nil {
            // An appliance's own routes are asked with the other tenant's appliance's credential.
            let isOwnRoute = world.endpoints.contains {
                $0.id == call.id && $0.access == .appliance
            }
            let credential =
                isOwnRoute
                ? ("Authorization", "Bearer \(other.credential)") : ("ApiKey", other.key)
            for project in [nil, other.projectUID] {
                let answer = try await world.send(
                    call,
                    of: other,
                    credential: credential,
                    project: .some(project)
                )
                let control = try await world.send(
                    nobodys,
                    of: other,
                    credential: credential,
                    project: .some(project)
                )
                #expect(answer.status == (isOwnRoute ? 403 : 404), "\(call) \(answer.text)")
                #expect(
                    Self.shape(answer, naming: own.uids)
                        == Self.shape(control, naming: unknown.uids),
                    "\(call)"
                )
            }
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // CHK-0.3, BEHAVIOUR 0: objects of a project do not exist outside of it.
    @Test func `an object of a project is unknown in the tenant and in another project`()
        async throws
    {
        let world = try await World.shared.value
        let (own, unknown) = (world.own, world.own.unknown)
        let before = try world.snapshot()
        let calls = try world.calls(of: own)
        let missing = try world.calls(of: unknown)
        for (call, nobodys) in zip(calls, missing)
        where call.target != nobodys.target && call.inProject {
            for project in [nil, own.emptyProjectUID] {
                let answer = try await world.send(call, of: own, project: .some(project))
                let control = try await world.send(nobodys, of: own, project: .some(project))
                #expect(answer.status == 404, "\(call) answered \(answer.text)")
                #expect(
                    Self.shape(answer, naming: own.uids)
                        == Self.shape(control, naming: unknown.uids),
                    "\(call)"
                )
            }
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `another tenant's project cannot be chosen, as an unknown one cannot`() async throws
    {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for call in try world.calls(of: world.own) where call.caller == .admin {
            var shapes: Set<String> = []
            for project in [world.other.projectUID, world.other.unknown.projectUID, "x"] {
                let answer = try await world.send(call, of: world.own, project: .some(project))
                #expect(answer.status == 403, "\(call) answered \(answer.text)")
                shapes.insert(Self.shape(answer, naming: []))
            }
            #expect(shapes.count == 1, "\(call)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // SECURITY 53: the permission that the operation declares is the one that it asks for.
    @Test func `somebody without the permission is refused`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            guard endpoint.access != .open else { continue }
            let answer = try await world.send(
                call,
                of: world.own,
                credential: ("ApiKey", world.own.memberKey)
            )
            switch endpoint.access {
            case .user(let permission), .applianceOrUser(let permission):
                #expect(answer.status == 403, "\(call) answered \(answer.text)")
                #expect(
                    answer.message.hasPrefix("Operation '\(permission.text)' is forbidden."),
                    "\(call) says \(answer.message)"
                )
            case .signedIn: #expect(answer.status == 200)
            case .appliance: #expect(answer.status == 401, "\(call)")
            case .open: break
            }
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // SECURITY 3.
    @Test func `an appliance's credential opens no path of another appliance`() async throws {
        let world = try await World.shared.value
        let own = world.own
        let credential = ("Authorization", "Bearer \(own.credential)")
        let before = try world.snapshot()
        for victim in [own.waitingUID, world.other.applianceUID, "unknown-device", "%00", "%zz"] {
            for call in try world.calls(of: own) {
                let endpoint = try #require(world.endpoints.first { $0.id == call.id })
                switch endpoint.access {
                case .appliance, .applianceOrUser: break
                default: continue
                }
                let moved = Call(
                    id: call.id,
                    method: call.method,
                    target: call.target.replacing(own.applianceUID, with: victim),
                    body: call.body
                )
                let answer = try await world.send(moved, of: own, credential: credential)
                #expect(answer.status == 403, "\(moved) answered \(answer.text)")
            }
        }
        #expect(try world.snapshot().changes(since: before) == [])
        #expect(world.log.lines.contains { $0.contains("another appliance's path") })
    }

    @Test func `an appliance's credential opens nothing that is for people`() async throws {
        let world = try await World.shared.value
        let credential = ("Authorization", "Bearer \(world.own.credential)")
        let before = try world.snapshot()
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            switch endpoint.access {
            case .user, .signedIn: break
            default: continue
            }
            let answer = try await world.send(call, of: world.own, credential: credential)
            #expect(answer.status == 403, "\(call) answered \(answer.text)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // SECURITY 1, last part.
    @Test func `a person's credential opens nothing that is for appliances`() async throws {
        let world = try await World.shared.value
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            guard endpoint.access == .appliance else { continue }
            let answer = try await world.send(
                call,
                of: world.own,
                credential: ("ApiKey", world.own.key)
            )
            #expect(answer.status == 401, "\(call) answered \(answer.text)")
            #expect(answer.header("WWW-Authenticate") != nil)
        }
    }

    // SECURITY 15, through the whole server: the variants themselves are Crypto's tests.
    @Test func `a session token that is bent in any way is refused`() async throws {
        let world = try await World()
        let login = try await world.api.call(
            .post,
            "/v1/auth/authenticate",
            as: nil,
            body: ["emailId": .string(world.own.email), "password": .string(world.own.password)]
        )
        let token = try #require(login.json["Authorization"]?.text)
        let parts = token.split(separator: ".").map(String.init)
        #expect(parts.count == 3)
        func head(_ json: String) -> String { Base64.encode(Array(json.utf8), .url) }
        var bent = [
            head(#"{"alg":"none"}"#) + ".\(parts[1]).",
            head(#"{"alg":"none","typ":"JWT"}"#) + ".\(parts[1]).\(parts[2])",
            head(#"{"alg":"HS256","kid":"../../../dev/null"}"#) + ".\(parts[1]).\(parts[2])",
            "\(parts[0]).\(parts[1])", "\(parts[0])..\(parts[2])", token + ".", token + "A",
            " \(token)x", String(token.dropLast()),
        ]
        bent.append("\(parts[0]).\(head(#"{"sub":"x","exp":9999999999}"#)).\(parts[2])")
        for text in bent {
            let answer = try await world.api.call(
                .get,
                "/v1/users/info",
                as: nil,
                headers: [("Authorization", text)]
            )
            #expect(answer.status == 401, "\(text)")
        }
        let right = try await world.api.call(
            .get,
            "/v1/users/info",
            as: nil,
            headers: [("Authorization", token)]
        )
        #expect(right.status == 200)
    }
}
