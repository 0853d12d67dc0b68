import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

/// HTTP's own rules, kept by every operation.
@Suite("Every path")
struct MethodTests {
    @Test func `answers HEAD as GET, for whoever may GET`() async throws {
        let world = try await World.shared.value
        // Two reads in one moment say the same, but for the time that has passed.
        let changing: Set<String> = ["getMetrics"]
        for call in try world.calls(of: world.own) where call.method == .get {
            let get = try await world.send(call, of: world.own)
            let head = try await world.send(call, of: world.own, method: .head)
            #expect(head.status == get.status, "\(call)")
            #expect(head.etag == get.etag, "\(call)")
            if !changing.contains(call.id) {
                #expect(head.response.body.count == get.response.body.count, "\(call)")
            }
            let refused = try await world.send(
                call,
                of: world.own,
                method: .head,
                credential: .some(nil)
            )
            #expect(refused.status == (call.caller == .nobody ? 200 : 401), "\(call)")
        }
    }

    @Test func `lists its methods for OPTIONS, and with 405`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for (path, group) in Dictionary(grouping: world.endpoints, by: \.path) {
            var allowed = Set(group.map(\.method.text) + ["OPTIONS"])
            if allowed.contains("GET") { allowed.insert("HEAD") }
            // A path with a literal in the place of a parameter must not be taken for another.
            let target = path.replacing("{", with: "x").replacing("}", with: "x")
            let options = try await world.api.call(.options, target, as: nil)
            #expect(options.status == 204, "\(path)")
            #expect(options.header("Allow") == allowed.sorted().joined(separator: ", "), "\(path)")
            for method in HTTPMethod.allCases where !allowed.contains(method.text) {
                let answer = try await world.api.call(method, target, as: world.own.key)
                #expect(answer.status == 405, "\(method.text) \(path)")
                #expect(answer.header("Allow") == options.header("Allow"), "\(path)")
                #expect(answer.code == "MethodNotAllowed")
            }
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test(arguments: [
        "/", "/v1", "/v1/", "/v2/edgehosts", "/v1/edgehosts/", "/v1//edgehosts", "/V1/edgehosts",
        "/v1/nothing", "/v1/edgehosts/a/b/c/d/e/f/g", "/v1/edgehosts/%2e%2e/users",
        "/v1/edgehosts/../users", "/v1/projects/a/b", "/.git/config",
    ])
    func `that does not exist is not found`(_ path: String) async throws {
        let world = try await World.shared.value
        let answer = try await world.api.call(.get, path, as: world.own.key)
        #expect(answer.status == 404)
        #expect(answer.code == "ResourceNotFound")
    }

    // SECURITY 7, in paths: what is no uid is unknown.
    @Test(arguments: [
        "%00", "%zz", "%", "%2e%2e%2f", "..", "%F0%9F%92%A9", "a%20", "%0d%0aX-Y:1",
        "'%20OR%201=1", "%C0%80",
    ])
    func `with a uid that nobody can have is not found`(_ uid: String) async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for call in try world.calls(of: world.own) where call.caller == .admin {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            guard let first = endpoint.pathParameters.first else { continue }
            let target = endpoint.path.replacing("{\(first)}", with: uid)
                .replacing("{packName}", with: "vms").replacing("{manifestUid}", with: "m")
                .replacing("{registryUid}", with: "r")
            let strange = Call(
                id: call.id,
                method: call.method,
                target: target,
                inProject: call.inProject,
                body: call.body,
                raw: call.raw,
                headers: call.headers
            )
            let answer = try await world.send(strange, of: world.own)
            #expect(answer.status == 404, "\(strange) answered \(answer.text)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // SECURITY 18: of two changes to one version one is made.
    @Test func `takes one of two changes that were made from the same version`() async throws {
        let world = try await World()
        let own = world.own
        let objects: [(target: String, project: Bool, first: Call, second: Call)] = [
            Self.race("/v1/apiKeys/\(own.spareKeyUID)", false),
            Self.race("/v1/projects/\(own.emptyProjectUID)", false),
            Self.race("/v1/edgehosts/tokens/\(own.tokenUID)", false),
            Self.race("/v1/edgehosts/\(own.waitingUID)", true, suffix: "/meta"),
            Self.race(
                "/v1/clusterprofiles/\(own.profileUID)",
                true,
                suffix: "/metadata",
                method: .patch
            ),
        ]
        for object in objects {
            let read = try await world.api.call(
                .get,
                object.target,
                as: own.key,
                project: object.project ? own.projectUID : nil
            )
            #expect(!read.etag.isEmpty, "\(object.target) has no entity tag")
            let match = [("If-Match", read.etag)]
            async let one = world.send(object.first, of: own, headers: match)
            async let two = world.send(object.second, of: own, headers: match)
            let statuses = [try await one.status, try await two.status].sorted()
            #expect(statuses == [204, 412], "\(object.target)")
            let before = try world.snapshot()
            let late = try await world.send(
                object.second,
                of: own,
                headers: [("If-Match", read.etag)]
            )
            #expect(late.status == 412)
            #expect(late.code == "PreconditionFailed")
            #expect(try world.snapshot().changes(since: before) == [])
        }
    }

    private static func race(
        _ target: String,
        _ project: Bool,
        suffix: String = "",
        method: HTTPMethod = .put
    ) -> (target: String, project: Bool, first: Call, second: Call) {
        func call(_ name: String) -> Call {
            Call(
                id: target,
                method: method,
                target: target + suffix,
                inProject: project,
                body: ["metadata": ["name": .string(name)]]
            )
        }
        return (target, project, call("one"), call("two"))
    }

    @Test func `that changes something refuses a version that is gone`() async throws {
        let world = try await World()
        let before = try world.snapshot()
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            guard endpoint.failures.contains(.preconditionFailed) else { continue }
            let answer = try await world.send(
                call,
                of: world.own,
                headers: [("If-Match", "\"0\"")]
            )
            // A layer that is not there yet is missed first.
            #expect(
                answer.status == 412 || call.id == "v1ClusterProfilesUidPacksNameUpdate",
                "\(call) answered \(answer.text)"
            )
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `deletes once, and says that there is nothing the second time`() async throws {
        let world = try await World()
        var refusals = 0
        for call in try world.calls(of: world.own) {
            let answer = try await world.send(call, of: world.own)
            guard call.method == .delete, answer.status == 204 else { continue }
            let before = try world.snapshot()
            let again = try await world.send(call, of: world.own)
            // Freeing what is free is no fault.
            let isRelease = call.target.hasSuffix("/cluster/associate")
            #expect(again.status == (isRelease ? 204 : 404), "\(call) answered \(again.text)")
            #expect(try world.snapshot().changes(since: before) == [])
            refusals += 1
        }
        #expect(refusals >= 7)
    }

    @Test func `leaves no trace when the same content is put back`() async throws {
        let world = try await World()
        let quiet: Set<String> = [
            "v1ApiKeysUidUpdate", "v1ApiKeysUidActiveState", "v1ApiKeysUidState",
            "v1ProjectsUidUpdate", "v1EdgeTokensUidUpdate", "v1EdgeTokensUidState",
            "v1ClusterProfilesUidMetadataUpdate", "v1ClusterProfilesUidPacksNameUpdate",
            "v1ClusterProfilesUidPacksNameManifestsUidUpdate", "v1ClusterProfilesPublish",
            "v1ClusterProfilesUpdate", "v1EdgeHostDevicesUidUpdate",
            "v1EdgeHostDevicesUidMetaUpdate", "v1EdgeHostDevicesUidProfilesUpdate",
            "v1EdgeHostDevicesUidTunnelConfigUpdate", "v1EdgeHostDevicesUidClusterAssociate",
            "v1EdgeHostDeviceHostPairingKeyUpdate", "v1EdgeHostDeviceHostCheckSumUpdate",
            "v1EdgeHostDevicesUidTunnelStatusUpdate",
            "v1EdgeHostDevicesUidVspherePropertiesUpdate", "importPack", "setPackState",
        ]
        for call in try world.calls(of: world.own) {
            _ = try await world.send(call, of: world.own)
            guard quiet.contains(call.id) else { continue }
            let before = try world.snapshot()
            let again = try await world.send(call, of: world.own)
            #expect(again.status < 300, "\(call) answered \(again.text)")
            let changes = try world.snapshot().changes(since: before)
            #expect(changes == [], "\(call)")
        }
    }
}
