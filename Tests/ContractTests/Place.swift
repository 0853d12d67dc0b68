import APIKit
import Archive
import HTTPCore
import Identity
import JSON
import Packs
import Primitives
import Storage
import TestSupport

/// One organisation with one of everything, and the uids and secrets of it.
struct Place: Sendable {
    var tenantUID = ""
    var projectUID = ""
    /// A second, empty project.
    var emptyProjectUID = ""
    var userUID = ""
    var email = ""
    var password = ""
    var key = ""
    /// A key that nobody needs.
    var spareKeyUID = ""
    var spareKey = ""
    /// Somebody without any permission.
    var memberUID = ""
    var memberKey = ""
    /// A paired appliance that follows `profileUID`.
    var applianceUID = ""
    var credential = ""
    var pairingKey = ""
    /// An appliance that has not paired.
    var waitingUID = ""
    var tokenUID = ""
    var token = ""
    /// A published profile of the project with the layers `web` and `vms`.
    var profileUID = ""
    var manifestUID = ""
    /// A digest of the values of its layer.
    var digest = ""
    /// A profile of the tenant, not published.
    var draftUID = ""
    /// A registry of this tenant alone, and a pack in it.
    var registryUID = ""
    var packUID = ""
    /// A pack registry and a Helm repository elsewhere, neither taken over yet.
    var remoteUID = ""
    var helmUID = ""
    var ociUID = ""

    /// The uids that calls name, made into ones that nobody has, of the same length.
    var unknown: Place {
        var place = self
        func turned(_ uid: String) -> String {
            "ffffffff" + uid.dropFirst(8)
        }
        place.projectUID = turned(projectUID)
        place.emptyProjectUID = turned(emptyProjectUID)
        place.spareKeyUID = turned(spareKeyUID)
        place.memberUID = turned(memberUID)
        place.applianceUID = "nobody-" + String(applianceUID.dropFirst(7))
        place.waitingUID = "nowhere-" + String(waitingUID.dropFirst(8))
        place.tokenUID = turned(tokenUID)
        place.profileUID = turned(profileUID)
        place.manifestUID = turned(manifestUID)
        place.digest = "sha256:" + String(repeating: "0", count: 64)
        place.draftUID = turned(draftUID)
        place.registryUID = turned(registryUID)
        place.packUID = turned(packUID)
        place.remoteUID = turned(remoteUID)
        place.helmUID = turned(helmUID)
        place.ociUID = turned(ociUID)
        return place
    }

    /// The uids with the names that a comparison gives them.
    var uids: [(String, String)] {
        [
            (projectUID, "<project>"), (emptyProjectUID, "<empty>"), (spareKeyUID, "<key>"),
            (memberUID, "<member>"), (applianceUID, "<appliance>"), (waitingUID, "<waiting>"),
            (tokenUID, "<token>"), (profileUID, "<profile>"), (manifestUID, "<manifest>"),
            (digest, "<digest>"), (draftUID, "<draft>"), (registryUID, "<registry>"),
            (packUID, "<pack>"), (remoteUID, "<remote>"), (helmUID, "<helm>"),
            (ociUID, "<oci>"),
        ]
    }
}

/// Makes organisations through the API, as their people and machines would.
struct PlaceMaker {
    let database: Database
    let api: TestDispatcher
    let registryUID: String

    struct Unexpected: Error {
        let target: String
        let status: UInt16
        let body: String
    }

    func importPacks(as key: String) async throws {
        for version in ["1.0.0", "1.1.0"] {
            let answer = try await api.call(
                .post,
                "/v1/registries/pack/\(registryUID)/packs",
                as: key,
                headers: [("Content-Type", "application/gzip")],
                raw: try Self.pack(World.webPack, version)
            )
            guard answer.status == 201 else {
                throw Unexpected(target: "pack", status: answer.status, body: answer.text)
            }
        }
    }

    /// A small pack as its archive.
    static func pack(_ name: String, _ version: String) throws -> [UInt8] {
        var tar = TarWriter()
        func add(_ path: String, _ text: String) throws {
            try tar.addFile("\(name)/\(path)", Array(text.utf8))
        }
        try add(
            "pack.json",
            """
            {"name":"\(name)","displayName":"Web","version":"\(version)","layer":"addon",\
            "cloudTypes":["all"],"annotations":{"source":"community"},\
            "kubeManifests":["manifests/web.yaml"]}
            """
        )
        try add("values.yaml", "pack:\n  namespace: web\nmanifests:\n  web:\n    port: 80\n")
        try add("manifests/web.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n")
        try add("README.md", "# Web\n")
        try tar.addFile("\(name)/logo.png", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2])
        return Gzip.compress(tar.finish())
    }

    func make(_ name: String, hasher: PasswordHasher) async throws -> Place {
        let boot = try Bootstrap.create(
            organisation: name,
            email: "admin@\(name).example",
            password: nil,
            in: database,
            hasher: hasher
        )
        var place = Place()
        place.tenantUID = boot.tenantUID
        place.projectUID = boot.projectUID
        place.userUID = boot.userUID
        place.email = boot.email
        place.password = boot.password
        place.key = boot.apiKey
        try await addPeople(to: &place, name)
        try await addRegistry(to: &place, name)
        try await addProfiles(to: &place)
        try await addAppliances(to: &place, name)
        return place
    }

    /// Calls and gives back the answer when it is a success.
    @discardableResult
    func must(
        _ method: HTTPMethod,
        _ target: String,
        _ place: Place,
        project: Bool = false,
        as credential: String? = nil,
        _ body: JSONValue? = nil
    ) async throws -> JSONValue {
        let answer = try await api.call(
            method,
            target,
            as: credential ?? place.key,
            project: project ? place.projectUID : nil,
            body: body
        )
        guard answer.status < 300 else {
            throw Unexpected(target: target, status: answer.status, body: answer.text)
        }
        return answer.json
    }

    private func addPeople(to place: inout Place, _ name: String) async throws {
        place.emptyProjectUID =
            try await must(.post, "/v1/projects", place, ["metadata": ["name": "Empty"]])["uid"]?
            .text ?? ""
        let (uid, tenant) = (UID.make(at: TestDispatcher.moment).text, place.tenantUID)
        try database.writeBlocking { tx in
            _ = try tx.run(
                """
                INSERT INTO account (uid, tenant_uid, email, first_name, last_name, password_hash,
                    role, is_active, created_at, modified_at)
                VALUES ($1, $2, $3, '', '', 'none', 'nobody', 1, 1, 1)
                """,
                .text(uid),
                .text(tenant),
                .text("member@\(name).example")
            )
        }
        place.memberUID = uid
        place.memberKey =
            try await must(
                .post,
                "/v1/apiKeys",
                place,
                ["metadata": ["name": "member"], "spec": ["userUid": .string(uid)]]
            )["apiKey"]?
            .text ?? ""
        let spare = try await must(.post, "/v1/apiKeys", place, ["metadata": ["name": "spare"]])
        place.spareKey = spare["apiKey"]?.text ?? ""
        place.spareKeyUID = spare["uid"]?.text ?? ""
        place.tokenUID =
            try await must(
                .post,
                "/v1/edgehosts/tokens",
                place,
                [
                    "metadata": ["name": "field"],
                    "spec": ["defaultProjectUid": .string(place.projectUID)],
                ]
            )["uid"]?.text ?? ""
        place.token =
            try await must(.get, "/v1/edgehosts/tokens/\(place.tokenUID)", place)["spec"]?["token"]?
            .text ?? ""
    }

    /// A registry as an import fills it: of single tenants there are none, so rows are copied.
    private func addRegistry(to place: inout Place, _ name: String) async throws {
        let registry = UID.make(at: TestDispatcher.moment).text
        let pack = UID.make(at: TestDispatcher.moment).text
        let tenant = place.tenantUID
        try database.writeBlocking { tx in
            _ = try tx.run(
                """
                INSERT INTO registry (uid, tenant_uid, name, kind, is_default, spec, created_at,
                    modified_at)
                SELECT $1, $2, $3, kind, 0, spec, created_at, modified_at FROM registry
                WHERE is_default = 1
                """,
                .text(registry),
                .text(tenant),
                .text("Packs of \(name)")
            )
            _ = try tx.run(
                """
                INSERT INTO pack_version (uid, registry_uid, name, version, display_name, layer,
                    addon_type, addon_sub_type, pack_group, cloud_types, annotations, content,
                    values_digest, readme_digest, logo_digest, digest, eol, state, created_at)
                SELECT $1, $2, 'private', version, 'Private', layer, addon_type, addon_sub_type,
                    pack_group, cloud_types, annotations, content, values_digest, readme_digest,
                    logo_digest, digest, eol, state, created_at
                FROM pack_version WHERE name = 'web' AND version = '1.0.0'
                """,
                .text(pack),
                .text(registry)
            )
        }
        place.registryUID = registry
        place.packUID = pack
        place.remoteUID =
            try await must(
                .post,
                "/v1/registries/pack?skipPackSync=true",
                place,
                try Bodies.registry("Remote")
            )["uid"]?.text ?? ""
        place.helmUID =
            try await must(
                .post,
                "/v1/registries/helm",
                place,
                try Bodies.registry("Charts")
            )["uid"]?.text ?? ""
        place.ociUID =
            try await must(
                .post,
                "/v1/registries/oci/basic?skipPackSync=true",
                place,
                try Bodies.registry("Harbor")
            )["uid"]?.text ?? ""
    }

    private func addProfiles(to place: inout Place) async throws {
        place.profileUID =
            try await must(
                .post,
                "/v1/clusterprofiles?publish=true",
                place,
                project: true,
                Bodies.profile("edge", registry: registryUID)
            )["uid"]?.text ?? ""
        place.draftUID =
            try await must(
                .post,
                "/v1/clusterprofiles",
                place,
                Bodies.profile("base", registry: registryUID)
            )[
                "uid"
            ]?.text ?? ""
        let manifests = try await must(
            .get,
            "/v1/clusterprofiles/\(place.profileUID)/packs/vms/manifests",
            place,
            project: true
        )
        place.manifestUID = manifests["items"]?[0]?["metadata"]?["uid"]?.text ?? ""
    }

    private func addAppliances(to place: inout Place, _ name: String) async throws {
        place.applianceUID = "device-\(name)"
        place.waitingUID = "waiting-\(name)"
        place.pairingKey = "pairing-key-of-\(name)"
        for uid in [place.applianceUID, place.waitingUID] {
            try await must(
                .post,
                "/v1/edgehosts",
                place,
                project: true,
                [
                    "metadata": ["uid": .string(uid), "labels": ["region": .string(name)]],
                    "spec": ["hostPairingKey": .string(place.pairingKey)],
                ]
            )
        }
        // Only an agent that saw a later state can have its appliance paused.
        let waitingUID = place.waitingUID
        try database.writeBlocking { tx in
            _ = try tx.run(
                "UPDATE appliance SET paused_reason = 'test' WHERE uid = $1",
                .text(waitingUID)
            )
        }
        let device = try await must(
            .post,
            "/v1/edgehosts/register",
            place,
            Bodies.pairing(place.applianceUID, key: place.pairingKey)
        )
        place.credential = device["status"]?["serviceAuthToken"]?.text ?? ""
        try await must(
            .put,
            "/v1/edgehosts/\(place.applianceUID)/profiles",
            place,
            project: true,
            ["profiles": [["uid": .string(place.profileUID)]]]
        )
        let desired = try await api.call(
            .get,
            "/v1/edgehosts/\(place.applianceUID)/desired",
            as: nil,
            headers: [("Authorization", "Bearer \(place.credential)")],
            body: nil
        )
        place.digest =
            desired.json["profiles"]?[0]?["layers"]?[0]?["values"]?["digest"]?.text ?? ""
    }
}
