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

@Suite("Writing profiles")
struct ProfileWriteTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1")
        try await bench.importPack("kube", "1.27.0", layer: "k8s")
    }

    static let manifestLayer: JSONValue = [
        "name": "vm", "type": "manifest",
        "manifests": [["name": "one", "content": "kind: VM\n"]],
    ]

    @Test func `is told all that is wrong with its shape and its layers at once`() async throws {
        let body: JSONValue = [
            "metadata": ["name": 5],
            "spec": [
                "version": "one",
                "template": [
                    "type": "add-on",
                    "packs": [
                        ["name": "logs", "tag": "4.x", "values": "a: [", "presets": []],
                        ["name": "logs", "tag": "9.x"], ["name": "kube", "tag": "1.27.0"],
                        ["name": "", "tag": "1.0.0", "values": "b: ["], 7,
                        [
                            "name": "vm", "type": "manifest",
                            "manifests": [["name": "one", "content": "c: ["], ["name": "two"]],
                        ],
                    ],
                ],
            ],
        ]
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            project: "p1",
            body: body
        )
        #expect(answer.status == 400)
        #expect(answer.code == "InvalidBody")
        let at = "/spec/template/packs"
        let faults: Set = [
            "/metadata/name WrongType", "/spec/version InvalidVersion", at + "/3/name Required",
            at + "/4 WrongType", at + "/0/values InvalidYAML", at + "/3/values InvalidYAML",
            at + "/5/manifests/0/content InvalidYAML", at + "/1/name DuplicateName",
            at + "/1/tag UnknownPack", at + "/2/layer CoreLayerNotAllowed",
            at + "/5/manifests/1/content Required",
        ]
        #expect(Set(answer.faults) == faults, "\(answer.faults)")
        #expect(answer.faults.count == faults.count)
        #expect(try bench.audit() == [])
    }

    @Test func `shows what was written, with what it means`() async throws {
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": "4.x"], Self.manifestLayer],
            more: [
                "labels": ["site": "a"], "annotations": ["description": "d", "scope": "system"],
            ]
        )
        let shown = try await bench.get(uid)
        #expect(shown.at("metadata/annotations") == ["description": "d", "scope": "project"])
        #expect(shown.at("metadata/labels") == ["site": "a"])
        #expect(shown.at("spec/version") == "1.0.0")
        #expect(shown.at("spec/published") == nil)
        #expect(shown.at("status/isPublished") == false)
        #expect(shown.at("status/hasUserMacros") == false)
        #expect(shown.at("spec/draft/packs/0/version") == "4.0.1")
        #expect(shown.at("spec/draft/packs/0/tag") == "4.x")
        #expect(shown.at("spec/draft/packs/1/packUid") == "spectro-manifest-pack")
        #expect(shown.at("spec/draft/packs/1/manifests/0/name") == "one")
        #expect(shown.at("spec/versions/0/uid") == .string(uid))
        #expect(try bench.audit() == ["create"])
    }

    @Test func `has another entity tag once a train stands for another version`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.x"]])
        let paths = ["", "/packs", "/packs/logs"].map { "/v1/clusterprofiles/\(uid)\($0)" }
        func tags() async throws -> [String] {
            var tags: [String] = []
            for path in paths + ["/v1/dashboard/clusterprofiles/\(uid)"] {
                tags.append(try await bench.api.call(.get, path, project: "p1").etag)
            }
            return tags
        }
        let before = try await tags()
        #expect(try await tags() == before)
        try await bench.importPack("logs", "4.9.0")
        let after = try await tags()
        for (old, new) in zip(before, after) { #expect(old != new) }
        // Nobody has changed the profile, so nobody's change is lost.
        let change = try await bench.api.call(
            .patch,
            paths[0] + "/metadata",
            project: "p1",
            headers: [("If-Match", before[0])],
            body: ["metadata": ["name": "renamed"]]
        )
        #expect(change.status == 204)
        let late = try await bench.api.call(
            .patch,
            paths[0] + "/metadata",
            project: "p1",
            headers: [("If-Match", after[0])],
            body: ["metadata": ["name": "again"]]
        )
        #expect(late.status == 412)
    }

    @Test(arguments: [" ", "a\u{7}", "a\u{202E}b"])
    func `refuses a name that cannot be read`(_ name: String) async throws {
        let uid = try await bench.create(packs: [Self.manifestLayer])
        let made = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            body: ["metadata": ["name": .string(name)], "spec": ["template": ["type": "system"]]]
        )
        let renamed = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/metadata",
            body: ["metadata": ["name": .string(name)]]
        )
        for answer in [made, renamed] {
            #expect(answer.status == 400)
            #expect(answer.faults == ["/metadata/name InvalidName"])
        }
    }

    @Test func `names every fault of every layer with its place`() async throws {
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            body: [
                "metadata": ["name": "x"],
                "spec": [
                    "template": [
                        "type": "system",
                        "packs": [
                            ["name": "logs", "tag": "9.x", "values": "a: ["],
                            ["name": "nothing", "tag": "1.0.0"],
                            [
                                "name": "logs", "tag": "4.0.1",
                                "presets": ["none", "api-on", "api-off"],
                            ],
                            ["name": "kube", "tag": "1.27.0", "layer": "addon"],
                            ["name": "bare"],
                            ["name": "empty", "type": "manifest"],
                            [
                                "name": "vm", "type": "manifest",
                                "manifests": [
                                    ["name": "a", "content": "a: *x"],
                                    ["name": "a", "content": "b"],
                                    ["name": "c"],
                                ],
                            ],
                            [
                                "name": "order", "type": "manifest",
                                "values": "pack:\n  spectrocloud.com/install-priority: soon\n",
                                "manifests": [["name": "a", "content": " \n"]],
                            ],
                        ],
                    ]
                ],
            ]
        )
        #expect(answer.status == 400)
        #expect(answer.code == "ValidationFailed")
        let packs = "/spec/template/packs"
        #expect(
            Set(answer.faults) == [
                "\(packs)/0/values InvalidYAML", "\(packs)/0/tag UnknownPack",
                "\(packs)/1/tag UnknownPack", "\(packs)/2/name DuplicateName",
                "\(packs)/2/presets/0 UnknownPreset", "\(packs)/2/presets/2 PresetConflict",
                "\(packs)/3/layer CoreLayerNotAllowed", "\(packs)/4/tag UnknownPack",
                "\(packs)/5/manifests Required", "\(packs)/6/manifests/0/content InvalidYAML",
                "\(packs)/6/manifests/1/name DuplicateName",
                "\(packs)/6/manifests/2/content Required", "\(packs)/7/values InvalidSetting",
                "\(packs)/7/manifests/0/content Required",
            ]
        )
        #expect(try bench.audit() == [])
    }

    @Test func `names every fault of the body's shape`() async throws {
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            body: [
                "metadata": ["labels": ["a": 1]],
                "spec": [
                    "version": "v1.2",
                    "template": [
                        "type": "other", "cloudType": "edge",
                        "packs": [["type": "zip", "layer": "moon"], ["name": "manifests"], 3],
                    ],
                ],
            ]
        )
        #expect(answer.status == 400)
        #expect(answer.code == "InvalidBody")
        #expect(
            Set(answer.faults) == [
                "/metadata/name Required", "/metadata/labels/a WrongType",
                "/spec/version InvalidVersion", "/spec/template/type NotAllowed",
                "/spec/template/packs/0/name Required", "/spec/template/packs/0/type NotAllowed",
                "/spec/template/packs/0/layer NotAllowed",
                "/spec/template/packs/1/name ReservedName", "/spec/template/packs/2 WrongType",
            ]
        )
    }

    @Test(arguments: [
        ("system", "logs", 201), ("system", "kube", 400), ("add-on", "logs", 201),
        ("add-on", "kube", 400),
    ])
    func `a profile of add-ons takes no core layer`(type: String, pack: String, status: Int)
        async throws
    {
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            body: [
                "metadata": ["name": "x"],
                "spec": [
                    "template": [
                        "type": .string(type),
                        "packs": [
                            ["name": .string(pack), "tag": pack == "kube" ? "1.27.0" : "4.0.1"]
                        ],
                    ]
                ],
            ]
        )
        #expect(answer.status == status)
    }

    @Test func `a name and version are unique in a scope and free in another`() async throws {
        func create(_ name: String, _ version: JSONValue, _ project: String?) async throws -> UInt16
        {
            try await bench.api.call(
                .post,
                "/v1/clusterprofiles",
                project: project,
                body: [
                    "metadata": ["name": .string(name)],
                    "spec": ["version": version, "template": ["type": "system"]],
                ]
            ).status
        }
        #expect(try await create("a", nil, nil) == 201)
        #expect(try await create("a", "1.0.0", nil) == 409)
        #expect(try await create("a", "1.0.1", nil) == 201)
        #expect(try await create("a", "1.0.0", "p1") == 201)
        #expect(try await create("a", "1.0.0", "p2") == 201)
        #expect(try await create("a", "1.0.0", "p1") == 409)
        let other = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            as: "other-admin",
            body: ["metadata": ["name": "a"], "spec": ["template": ["type": "system"]]]
        )
        #expect(other.status == 201)
        for (query, status) in [
            ("name=a", 409), ("name=a&version=2.0.0", 204), ("version=1.x", 400), ("name=b", 204),
        ] {
            let answer = try await bench.api.call(
                .get,
                "/v1/clusterprofiles/validate/name?\(query)"
            )
            #expect(answer.status == UInt16(status), "\(query)")
        }
    }

    @Test func `a tenant's profile is read and not written in a project`() async throws {
        let uid = try await bench.create(packs: [Self.manifestLayer], project: nil)
        #expect(
            try await bench.get(uid, project: "p1").at("metadata/annotations/scope") == "tenant"
        )
        let path = "/v1/clusterprofiles/\(uid)"
        let body: JSONValue = ["metadata": ["name": "new"], "pack": ["name": "x", "uid": "u"]]
        let manifest = try await bench.get(uid, project: nil).at(
            "spec/draft/packs/0/manifests/0/uid"
        )
        let manifestPath = "\(path)/packs/vm/manifests/\(manifest?.text ?? "")"
        let before = try bench.state()
        for (method, target) in [
            (.put, path), (.delete, path), (.patch, path + "/metadata"),
            (.patch, path + "/publish"),
            (.post, path + "/packs"), (.put, path + "/packs/vm"), (.delete, path + "/packs/vm"),
            (.post, path + "/packs/vm/manifests"), (.put, manifestPath), (.delete, manifestPath),
        ] as [(HTTPMethod, String)] {
            let hasBody = method != .delete && !target.hasSuffix("publish")
            let isManifest = target.contains("/manifests")
            let answer = try await bench.api.call(
                method,
                target,
                project: "p1",
                body: hasBody
                    ? (isManifest ? ["name": "m", "content": "a"] : body) : JSONValue?.none
            )
            #expect(answer.status == 403, "\(method) \(target) \(answer.text)")
            #expect(answer.code == "OperationForbidden")
        }
        #expect(try bench.state() == before)
    }

    @Test func `another tenant's or project's profile is like none at all`() async throws {
        let uid = try await bench.create(packs: [Self.manifestLayer], publish: true)
        let manifest = try await bench.get(uid).at("spec/draft/packs/0/manifests/0/uid")?.text ?? ""
        let body: JSONValue = [
            "metadata": ["name": "new"], "pack": ["name": "x", "uid": "u"], "name": "m",
            "content": "a",
        ]
        let before = try bench.state()
        let calls: [(HTTPMethod, String, Bool)] = [
            (.get, "", false), (.put, "", true), (.delete, "", false), (.patch, "/metadata", true),
            (.patch, "/publish", false), (.get, "/packs", false), (.post, "/packs", true),
            (.get, "/packs/manifests", false), (.get, "/packs/vm", false),
            (.put, "/packs/vm", true),
            (.delete, "/packs/vm", false), (.get, "/packs/vm/manifests", false),
            (.post, "/packs/vm/manifests", true), (.get, "/packs/vm/manifests/\(manifest)", false),
            (.put, "/packs/vm/manifests/\(manifest)", true),
            (.delete, "/packs/vm/manifests/\(manifest)", false), (.get, "/spc/download", false),
            (.get, "/revisions", false), (.post, "/validate/packs", true),
        ]
        let none = "65f1c0a4d2b7e81f3c9a4b6d"
        for (method, path, hasBody) in calls {
            for (credential, project) in [("other-admin", nil), ("admin", "p2"), ("admin", nil)] {
                func call(_ uid: String) async throws -> TestAnswer {
                    try await bench.api.call(
                        method,
                        "/v1/clusterprofiles/\(uid)\(path)",
                        as: credential,
                        project: project,
                        body: hasBody ? body : JSONValue?.none
                    )
                }
                let (real, unknown) = (try await call(uid), try await call(none))
                #expect(real.status == 404, "\(method) \(path) \(real.text)")
                #expect(real.code == "ResourceNotFound")
                #expect(real.message.replacing(uid, with: none) == unknown.message)
                #expect(real.json["details"] == unknown.json["details"])
            }
        }
        #expect(try bench.state() == before)
    }

    @Test func `type and environment cannot change, and all is said at once`() async throws {
        let uid = try await bench.create(packs: [Self.manifestLayer])
        let answer = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)",
            project: "p1",
            body: [
                "metadata": ["name": "site"],
                "spec": [
                    "template": [
                        "type": "infra", "cloudType": "edge-native",
                        "packs": [["name": "nothing", "tag": "1.0.0"]],
                    ]
                ],
            ]
        )
        #expect(
            answer.faults == [
                "/spec/template/type Immutable", "/spec/template/cloudType Immutable",
                "/spec/template/packs/0/tag UnknownPack",
            ]
        )
        #expect(try await bench.get(uid).at("spec/draft/packs/0/name") == "vm")
    }

    @Test func `an update with an old entity tag is refused`() async throws {
        let uid = try await bench.create(packs: [Self.manifestLayer])
        let path = "/v1/clusterprofiles/\(uid)"
        let first = try await bench.api.call(.get, path, project: "p1")
        func rename(_ name: String, _ tag: String) async throws -> UInt16 {
            try await bench.api.call(
                .patch,
                path + "/metadata",
                project: "p1",
                headers: [("If-Match", tag)],
                body: ["metadata": ["name": .string(name)]]
            ).status
        }
        #expect(try await rename("b", first.etag) == 204)
        #expect(try await rename("c", first.etag) == 412)
        let unchanged = try await bench.api.call(
            .get,
            path,
            project: "p1",
            headers: [("If-None-Match", first.etag)]
        )
        #expect(unchanged.status == 200)
        #expect(unchanged.json.at("metadata/name") == "b")
        let known = try await bench.api.call(
            .get,
            path,
            project: "p1",
            headers: [("If-None-Match", unchanged.etag)]
        )
        #expect(known.status == 304)
    }

    @Test func `metadata that a change does not speak of stays`() async throws {
        let uid = try await bench.create(
            packs: [Self.manifestLayer],
            more: ["labels": ["a": "b"], "annotations": ["description": "d"]]
        )
        let path = "/v1/clusterprofiles/\(uid)/metadata"
        func patch(_ body: JSONValue) async throws -> JSONValue {
            let answer = try await bench.api.call(.patch, path, project: "p1", body: body)
            #expect(answer.status == 204)
            return try await bench.get(uid)
        }
        var shown = try await patch(["metadata": ["name": "n"], "spec": ["version": "2.0.0"]])
        #expect(shown.at("metadata/labels") == ["a": "b"])
        #expect(shown.at("spec/version") == "2.0.0")
        shown = try await patch(["metadata": ["labels": ["c": "d"]]])
        #expect(shown.at("metadata/name") == "n")
        #expect(shown.at("metadata/labels") == ["c": "d"])
        #expect(shown.at("metadata/annotations/description") == "d")
        let before = try bench.state()
        _ = try await patch(["metadata": ["name": "n", "labels": ["c": "d"]]])
        #expect(try bench.state() == before)
    }

    @Test func `a body cannot move a profile to another tenant or project`() async throws {
        let uid = try await bench.create(
            packs: [Self.manifestLayer],
            more: ["uid": "65f1c0a4d2b7e81f3c9a4b6d", "annotations": ["scope": "tenant"]]
        )
        #expect(uid != "65f1c0a4d2b7e81f3c9a4b6d")
        _ = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)",
            project: "p1",
            body: [
                "metadata": ["name": "site", "uid": "x", "annotations": ["scope": "tenant"]],
                "tenantUid": "t2", "projectUid": "p2",
            ]
        )
        let shown = try await bench.get(uid)
        #expect(shown.at("metadata/annotations/scope") == "project")
        #expect(shown.at("metadata/uid") == .string(uid))
    }

    @Test func `YAML that grows without bound is refused`() async throws {
        var bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1..<9 {
            let alias = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            bomb += "a\(level): &a\(level) [\(alias)]\n"
        }
        for (values, content) in [(bomb, "a: b"), ("a: b", bomb), ("a: !!python/x y", "a: b")] {
            let answer = try await bench.api.call(
                .post,
                "/v1/clusterprofiles/validate/packs",
                body: [
                    "type": "system",
                    "packs": [
                        [
                            "name": "vm", "type": "manifest", "values": .string(values),
                            "manifests": [["name": "m", "content": .string(content)]],
                        ]
                    ],
                ]
            )
            #expect(answer.status == 200)
            #expect(answer.json.at("packs/results/0/errors/0/code") == "InvalidYAML")
        }
    }

    @Test func `a permission that is missing is named`() async throws {
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            as: "reader",
            body: ["metadata": ["name": "x"]]
        )
        #expect(answer.status == 403)
        #expect(answer.message.contains("clusterProfile.create"))
    }

    @Test func `a profile that is followed is not deleted`() async throws {
        let uid = try await bench.create(packs: [Self.manifestLayer], publish: true)
        _ = try await bench.api.call(
            .post,
            "/v1/edgehosts",
            project: "p1",
            body: ["metadata": ["uid": "device-153", "name": "device-153"]]
        )
        func follow(_ profiles: JSONValue) async throws -> TestAnswer {
            try await bench.api.call(
                .put,
                "/v1/edgehosts/device-153/profiles",
                project: "p1",
                body: ["profiles": profiles]
            )
        }
        #expect(try await follow([["uid": .string(uid)]]).status == 204)
        let refused = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/\(uid)",
            project: "p1"
        )
        #expect(refused.status == 409)
        #expect(
            refused.json.at("details/referrers") == [
                ["kind": "edgehost", "uid": "device-153", "name": "device-153"]
            ]
        )
        #expect(bench.announced.deleted.withLock { $0 } == [])
        #expect(try await follow([]).status == 204)
        let answer = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/\(uid)",
            project: "p1"
        )
        #expect(answer.status == 204)
        #expect(bench.announced.deleted.withLock { $0 } == [uid])
        #expect(try bench.audit() == ["create", "delete"])
        let left = try bench.database.read { tx in
            try tx.first(
                """
                SELECT (SELECT count(*) FROM profile_revision) + (SELECT count(*) FROM profile_blob)
                    + (SELECT count(*) FROM registration_token) + (SELECT count(*) FROM profile_train)
                """
            ) { $0.int(0) }
        }
        #expect(left == 0)
    }
}
