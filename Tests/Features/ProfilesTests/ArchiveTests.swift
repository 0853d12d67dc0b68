import APIKit
import AgentContract
import Archive
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("The archive of a system profile")
struct ArchiveTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1", chart: true)
    }

    func download(_ uid: String, headers: [(String, String)] = []) async throws -> TestAnswer {
        try await bench.api.call(
            .get,
            "/v1/clusterprofiles/\(uid)/spc/download",
            project: "p1",
            headers: headers
        )
    }

    static let long = String(repeating: "ü", count: 60)

    func profile() async throws -> String {
        try await bench.create(
            packs: [
                [
                    "name": "logs", "tag": "4.x",
                    "manifests": [["name": "own", "content": "kind: Mine\n"]],
                ],
                [
                    "name": "../etc; rm", "type": "manifest",
                    "manifests": [["name": .string(Self.long), "content": "kind: VM\n"]],
                ],
            ],
            publish: true
        )
    }

    @Test func `holds every part with its sum, and the same bytes twice`() async throws {
        let uid = try await profile()
        let answer = try await download(uid)
        #expect(answer.status == 200)
        #expect(answer.response.contentType == .octetStream)
        #expect(
            answer.header("Content-Disposition") == "attachment; filename=systemprofile.tgz"
        )
        let bytes = answer.response.body
        #expect(answer.etag == "\"sha256:\(SHA256.digest(bytes).hex)\"")
        #expect(try await download(uid).response.body == bytes)
        let made = bench.announced.slowRuns.withLock { $0 }
        #expect(
            try await download(uid, headers: [("If-None-Match", answer.etag)]).status == 304
        )
        // SECURITY 35: who has it is told so without making it again.
        #expect(bench.announced.slowRuns.withLock { $0 } == made)
        let digest = Base64.encode(Array(SHA256.digest(bytes).bytes))
        #expect(answer.header("Repr-Digest") == "sha-256=:\(digest):")
        #expect(try await download(uid, headers: [("If-None-Match", "\"other\"")]).status == 200)
        // RFC 1952: no time, no name, no operating system.
        #expect(Array(bytes.prefix(10)) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])

        let archive = try TarReader.read(bytes)
        func file(_ path: String) throws -> [UInt8] {
            try #require(archive.contents(at: "systemprofile/" + path), "\(path)")
        }
        let manifest = try ArchiveManifest(JSONParser.parse(file("manifest.json")))
        #expect(manifest.profileUID == uid)
        #expect(manifest.revision == 1)
        #expect(manifest.serverURL == "https://easel.example:8443")
        #expect(manifest.caCertificate?.hasPrefix("-----BEGIN") == true)
        #expect(manifest.pairingToken.hasPrefix("easel_"))
        #expect(archive.entries.count == manifest.files.count + 2)
        let signature = try file("manifest.sig")
        #expect(
            answer.header("Easel-Manifest-Signature")
                == "ed25519=:\(Base64.encode(signature)):"
        )
        let key = try VerifyingKey(pem: Array(manifest.signingKey.utf8))
        #expect(key.verifies(signature, of: try file("manifest.json")))
        for entry in manifest.files {
            let content = try file(entry.path)
            #expect(SHA256.digest(content).hex == entry.sha256)
            #expect(Int64(content.count) == entry.size)
        }
        let revision = try ProfileRevision(JSONParser.parse(file("profile.json")))
        let digests = Set(manifest.files.map { "sha256:\($0.sha256)" })
        for layer in revision.layers {
            let parts =
                [layer.values] + layer.manifests.map(\.part) + layer.charts.map(\.part)
            #expect(parts.allSatisfy { digests.contains($0.digest) })
        }
        #expect(
            manifest.files.map(\.path).prefix(5) == [
                "profile.json", "layers/01-logs/values.yaml",
                "layers/01-logs/manifests/own.yaml",
                "layers/01-logs/manifests/own=attached.yaml",
                "layers/01-logs/charts/tool-0.1.0.tgz",
            ]
        )
        #expect(manifest.files[5].path == "layers/02-=2e.=2fetc=3b=20rm/values.yaml")
        #expect(
            try file("layers/01-logs/manifests/own=attached.yaml") == Array("kind: Mine\n".utf8)
        )
    }

    @Test func `the key of the signature is for everybody`() async throws {
        let answer = try await bench.api.call(
            .get,
            "/v1/clusterprofiles/spc/publickey",
            as: nil
        )
        #expect(answer.status == 200)
        #expect(answer.text == bench.profiles.archives.signingKey.publicKey.pem)
        #expect(answer.text.hasPrefix("-----BEGIN PUBLIC KEY-----\n"))
    }

    /// The committed schema, held against what is really written: names of members, and which
    /// of them there are.
    @Test func `the manifest has just the members of its schema`() async throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let schema = try JSONParser.parse(
            Files.read(
                "/\(root)/openapi/systemprofile-manifest.schema.json",
                bytesMax: 1 << 20
            )
        )
        let archive = try TarReader.read(try await download(try await profile()).response.body)
        let bytes = try #require(archive.contents(at: "systemprofile/manifest.json"))
        func compare(_ value: JSONValue, _ schema: JSONValue, _ place: String) {
            if let members = value.members {
                let keys = Set(members.keys)
                #expect(keys == Set(schema["properties"]?.members?.keys ?? []), "\(place)")
                #expect(keys == Set(schema["required"]?.elements?.compactMap(\.text) ?? []))
                for member in members {
                    let inner = schema["properties"]?[member.key] ?? .null
                    compare(member.value, inner, "\(place)/\(member.key)")
                }
            }
            for item in value.elements ?? [] {
                compare(item, schema["items"] ?? .null, "\(place)/items")
            }
            if let constant = schema["const"] { #expect(value == constant) }
        }
        compare(try JSONParser.parse(bytes), schema, "")
    }

    @Test func `another revision is another archive with the same token`() async throws {
        let uid = try await profile()
        func manifest() async throws -> ArchiveManifest {
            let archive = try TarReader.read(try await download(uid).response.body)
            let bytes = try #require(archive.contents(at: "systemprofile/manifest.json"))
            return try ArchiveManifest(JSONParser.parse(bytes))
        }
        let first = try await manifest()
        try await bench.importPack("logs", "4.0.2")
        let second = try await manifest()
        #expect(second.revision == 2)
        #expect(second.pairingToken == first.pairingToken)
        #expect(second.files != first.files)
    }

    @Test func `one too large to be kept is known by its digest, for those who have it`() {
        let made = MadeArchives()
        let name = SHA256.digest("name")
        let digest = SHA256.digest("bytes")
        #expect(made.digest(of: name) == nil)
        let bytes = [UInt8](repeating: 0, count: MadeArchives.bytesMax + 1)
        made.keep(.init(digest: digest, bytes: bytes, signature: []), as: name)
        #expect(made[name] == nil)
        #expect(made.digest(of: name) == digest)
    }

    @Test func `those who have it need none of its parts to be read`() async throws {
        let uid = try await profile()
        let first = try await download(uid)
        try await bench.database.write { tx in
            _ = try tx.run("UPDATE profile SET draft = 'x' WHERE uid = $1", .text(uid))
            _ = try tx.run("UPDATE profile_revision SET source = 'x', content = 'x'")
        }
        let again = try await download(uid, headers: [("If-None-Match", first.etag)])
        #expect(again.status == 304)
        #expect(try await download(uid).response.body == first.response.body)
    }

    @Test func `a token that was deleted is made anew by publishing`() async throws {
        let uid = try await profile()
        let before = try await download(uid).response.body
        try bench.database.writeBlocking { _ = try $0.run("DELETE FROM registration_token") }
        let refused = try await download(uid)
        #expect(refused.status == 400)
        #expect(refused.message.contains("publish the profile again"))
        try await bench.publish(uid)
        #expect(try bench.audit() == ["create", "update"])
        let after = try await download(uid)
        #expect(after.status == 200)
        #expect(after.response.body != before)
        #expect(bench.revisionNumbers == [1])
    }

    @Test(arguments: ["add-on", "infra", "cluster"])
    func `only a system profile has one`(type: String) async throws {
        try await bench.importCorePacks()
        let uid = try await bench.create(
            type: type,
            cloudType: "edge",
            packs: type == "add-on" ? [["name": "logs", "tag": "4.x"]] : Bench.coreLayers,
            publish: true
        )
        let answer = try await download(uid)
        #expect(answer.status == 400)
        #expect(answer.code == "ValidationFailed")
        #expect(answer.message.contains("'\(type)'"))
    }

    @Test func `a draft has none`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.x"]])
        let answer = try await download(uid)
        #expect(answer.status == 400)
        #expect(answer.message.contains("not published"))
    }

    @Test func `names become safe path segments that never meet`() {
        #expect(ProfileArchives.fileName("a.b-c_9") == "a.b-c_9")
        #expect(ProfileArchives.fileName(".hidden") == "=2ehidden")
        #expect(ProfileArchives.fileName("a/b") == "a=2fb")
        #expect(ProfileArchives.fileName("a=2fb") == "a=3d2fb")
        let long = ProfileArchives.fileName(Self.long)
        #expect(long.utf8.count <= 120)
        #expect(long != ProfileArchives.fileName(Self.long + "x"))
    }
}
