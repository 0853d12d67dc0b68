import APIKit
import AgentContract
import AgentSync
import HTTPCore
import JSON
import Synchronization

/// Profiles as AgentSync sees them, without Profiles.
final class PublishedProfiles: Sendable {
    private let revisions = Mutex<[String: ProfileAccess.Revision]>([:])

    static let digest = "sha256:" + String(repeating: "a", count: 64)
    static let foreignDigest = "sha256:" + String(repeating: "b", count: 64)

    func set(_ revision: ProfileAccess.Revision) {
        revisions.withLock { $0[revision.profileUID] = revision }
    }

    static func content(_ uid: String, number: Int64, layers: [String]) -> [UInt8] {
        let part = Part(digest: digest, size: 4)
        return ProfileRevision(
            uid: uid,
            name: "system",
            version: "1.0.0",
            type: "system",
            cloudType: "edge-native",
            number: number,
            layers: layers.map { name in
                LayerRevision(
                    name: name,
                    kind: "spectro",
                    layer: "addon",
                    registryUID: "r",
                    packUID: "p",
                    version: "4.0.\(number)",
                    tag: "4.x",
                    installOrder: 0,
                    isVM: false,
                    digest: digest,
                    values: part,
                    manifests: [.init(name: "m", part: part, isAttached: true)],
                    charts: [.init(name: "c", file: "c.tgz", part: part)]
                )
            }
        ).jsonBytes()
    }

    var access: ProfileAccess {
        ProfileAccess(
            eachPublished: { body in
                for revision in self.revisions.withLock({ Array($0.values) }) { body(revision) }
            },
            canBeFollowed: { uid, _, _ in self.revisions.withLock { $0[uid] != nil } },
            holds: { digest, uid, _ in
                digest == (uid == "prof2" ? Self.foreignDigest : Self.digest)
            },
            blob: { digest, _ in digest == Self.digest ? Array("part".utf8) : [1] },
            template: { uid, _ in
                let template: JSONObject = [
                    "uid": .string(uid), "name": "system", "type": "system",
                    "cloudType": "edge-native", "version": 3,
                    "packs": [
                        [
                            "name": "fluentbit", "packUid": "p", "layer": "addon",
                            "values": "a: 1", "schema": [],
                        ]
                    ],
                ]
                return template.jsonBytes()
            },
            manifest: { uid, profile, _ in
                uid == "m1" && profile == "prof1" ? .init(name: "extra", content: "kind: A") : nil
            },
            archive: { uids, _ in
                guard uids.contains("prof1") else { throw Failure.notFound("System profile", "") }
                return Response(
                    status: 200,
                    contentType: .octetStream,
                    etag: Array("\"a\"".utf8),
                    body: [31, 139]
                )
            }
        )
    }
}
