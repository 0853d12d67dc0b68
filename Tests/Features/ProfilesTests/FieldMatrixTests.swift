import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import Profiles

/// What a field of a profile is when a create or an update leaves it out, gives null, or gives
/// the empty value of its type.
@Suite("Every field of a profile, left out, null and empty")
struct FieldMatrixTests {
    /// One field, and what it comes to: the JSON that is shown, or the faults.
    struct Row: Sendable, CustomTestStringConvertible {
        /// Where it is sent.
        let field: String
        let empty: JSONValue
        let created: String
        let createdEmpty: String
        let updated: String
        let updatedEmpty: String

        /// - Parameters:
        ///   - created: without it or with null, and then with the empty value.
        ///   - updated: the same.
        init(
            _ field: String,
            empty: JSONValue,
            created: String,
            _ createdEmpty: String,
            updated: String,
            _ updatedEmpty: String
        ) {
            self.field = field
            self.empty = empty
            self.created = created
            self.createdEmpty = createdEmpty
            self.updated = updated
            self.updatedEmpty = updatedEmpty
        }

        var testDescription: String { field }

        /// Where it is shown.
        var shown: String {
            switch field {
            case "spec/template": "spec/draft/packs"
            case "spec/template/packs/0/uid": "spec/draft/packs/0/packUid"
            default: field.replacing("spec/template/", with: "spec/draft/")
            }
        }
    }

    private static let kept = "kept"

    static let rows: [Row] = [
        Row(
            "metadata/name",
            empty: "",
            created: "/metadata/name Required",
            "/metadata/name Required",
            updated: "/metadata/name Required",
            "/metadata/name Required"
        ),
        Row("metadata/labels", empty: [:], created: "{}", "{}", updated: kept, "{}"),
        Row(
            "metadata/annotations",
            empty: [:],
            created: "{\"scope\":\"project\"}",
            "{\"scope\":\"project\"}",
            updated: kept,
            "{\"scope\":\"project\"}"
        ),
        Row("spec/version", empty: "", created: "\"1.0.0\"", "\"1.0.0\"", updated: kept, kept),
        // Nothing makes it a full profile, which needs an environment.
        Row(
            "spec/template",
            empty: [:],
            created: "/spec/template/cloudType EnvironmentRequired",
            "/spec/template/cloudType EnvironmentRequired",
            updated: kept,
            kept
        ),
        // A full profile, which add-ons alone do not make.
        Row(
            "spec/template/type",
            empty: "",
            created: "/spec/template/packs CoreLayerMissing",
            "/spec/template/packs CoreLayerMissing",
            updated: kept,
            kept
        ),
        Row(
            "spec/template/cloudType",
            empty: "",
            created: "\"all\"",
            "\"all\"",
            updated: kept,
            kept
        ),
        Row("spec/template/packs", empty: [], created: "[]", "[]", updated: kept, "[]"),
        Row(
            "spec/template/packs/0/name",
            empty: "",
            created: "/spec/template/packs/0/name Required",
            "/spec/template/packs/0/name Required",
            updated: "/spec/template/packs/0/name Required",
            "/spec/template/packs/0/name Required"
        ),
        Row(
            "spec/template/packs/0/type",
            empty: "",
            created: "\"spectro\"",
            "\"spectro\"",
            updated: kept,
            kept
        ),
        Row(
            "spec/template/packs/0/layer",
            empty: "",
            created: "\"addon\"",
            "\"addon\"",
            updated: kept,
            kept
        ),
        // Any of these is enough to find the pack.
        Row(
            "spec/template/packs/0/registryUid",
            empty: "",
            created: "the registry",
            "the registry",
            updated: kept,
            kept
        ),
        Row(
            "spec/template/packs/0/uid",
            empty: "",
            created: "the pack",
            "the pack",
            updated: kept,
            kept
        ),
        Row(
            "spec/template/packs/0/packUid",
            empty: "",
            created: "the pack",
            "the pack",
            updated: kept,
            kept
        ),
        Row(
            "spec/template/packs/0/tag",
            empty: "",
            created: "\"4.0.1\"",
            "\"4.0.1\"",
            updated: kept,
            kept
        ),
        // A layer is replaced as a whole: what it leaves out is the pack's, or nothing.
        Row(
            "spec/template/packs/0/values",
            empty: "",
            created: "the pack's",
            "the pack's",
            updated: "the pack's",
            "the pack's"
        ),
        Row("spec/template/packs/0/manifests", empty: [], created: "[]", "[]", updated: "[]", "[]"),
        Row(
            "spec/template/packs/0/presets",
            empty: [],
            created: "the pack's",
            "the pack's",
            updated: kept,
            kept
        ),
        Row(
            "spec/template/packs/1/manifests",
            empty: [],
            created: "/spec/template/packs/1/manifests Required",
            "/spec/template/packs/1/manifests Required",
            updated: "/spec/template/packs/1/manifests Required",
            "/spec/template/packs/1/manifests Required"
        ),
        Row(
            "spec/template/packs/0/manifests/0/name",
            empty: "",
            created: "/spec/template/packs/0/manifests/0/name Required",
            "/spec/template/packs/0/manifests/0/name Required",
            updated: "/spec/template/packs/0/manifests/0/name Required",
            "/spec/template/packs/0/manifests/0/name Required"
        ),
        Row(
            "spec/template/packs/0/manifests/0/content",
            empty: "",
            created: "/spec/template/packs/0/manifests/0/content Required",
            "/spec/template/packs/0/manifests/0/content Required",
            updated: kept,
            "/spec/template/packs/0/manifests/0/content Required"
        ),
    ]

    let bench: Bench
    let filled: JSONValue
    /// The uids that are shown, and what they are.
    let names: [String: String]

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1")
        let (registry, pack) = try bench.database.read { tx in
            try #require(
                try tx.first("SELECT registry_uid, uid FROM pack_version") {
                    ($0.text(0), $0.text(1))
                }
            )
        }
        names = ["\"\(registry)\"": "the registry", "\"\(pack)\"": "the pack"]
        filled = [
            "metadata": [
                "name": "site", "labels": ["a": "b"], "annotations": ["description": "d"],
            ],
            "spec": [
                "version": "2.0.0",
                "template": [
                    "type": "add-on", "cloudType": "edge-native",
                    "packs": [
                        [
                            "name": "logs", "type": "spectro", "layer": "addon",
                            "registryUid": .string(registry), "uid": .string(pack),
                            "tag": "4.0.1", "values": "a: 1\n",
                            "manifests": [["name": "m", "content": "kind: A\n"]],
                        ],
                        [
                            "name": "vm", "type": "manifest",
                            "manifests": [["name": "v", "content": "kind: B\n"]],
                        ],
                    ],
                ],
            ],
        ]
    }

    /// The body with another value at a path; nil takes the member away.
    private func body(_ path: String, _ value: JSONValue?) -> JSONValue {
        func set(_ path: ArraySlice<Substring>, in old: JSONValue?) -> JSONValue? {
            guard let part = path.first else { return value }
            let rest = path.dropFirst()
            if let index = Int(part), case .array(var items)? = old, index < items.count {
                items[index] = set(rest, in: items[index]) ?? .null
                return .array(items)
            }
            guard case .object(var members)? = old else { return old }
            members[String(part)] = set(rest, in: members[String(part)])
            return .object(members)
        }
        return set(path.split(separator: "/")[...], in: filled) ?? filled
    }

    private func faults(_ answer: TestAnswer) -> String {
        Set(answer.faults).sorted().joined(separator: ", ")
    }

    private func shown(_ uid: String, _ row: Row) async throws -> String {
        let profile = "/v1/clusterprofiles/\(uid)"
        let value: JSONValue?
        if row.field.hasSuffix("/content") {
            // A profile names its manifests; their texts are shown beside it.
            value = try await bench.api.call(
                .get,
                profile + "/packs/logs/manifests",
                project: "p1"
            ).json.at("items/0/spec/draft/content")
        } else {
            value = try await bench.get(uid).at(row.shown)
        }
        guard let value else { return "absent" }
        return String(decoding: value.jsonBytes(), as: UTF8.self)
    }

    private func created(_ row: Row, _ value: JSONValue?) async throws -> String {
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            project: "p1",
            body: body(row.field, value)
        )
        guard answer.status == 201, let uid = answer.json["uid"]?.text else {
            return faults(answer)
        }
        let shown = try await shown(uid, row)
        _ = try await bench.api.call(.delete, "/v1/clusterprofiles/\(uid)", project: "p1")
        return word(for: shown)
    }

    /// The shown JSON, or a word for one that is too long for a table.
    private func word(for shown: String) -> String {
        let isOfPack = shown.contains("# what it is") || shown.contains("api-off")
        return isOfPack ? "the pack's" : names[shown] ?? shown
    }

    private func updated(_ row: Row, _ value: JSONValue?) async throws -> String {
        let made = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            project: "p1",
            body: filled
        )
        let uid = try #require(made.json["uid"]?.text, "\(made.text)")
        let before = try await shown(uid, row)
        let answer = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)",
            project: "p1",
            body: body(row.field, value)
        )
        let after = try await shown(uid, row)
        _ = try await bench.api.call(.delete, "/v1/clusterprofiles/\(uid)", project: "p1")
        guard answer.status == 204 else { return faults(answer) }
        return before == after ? Self.kept : word(for: after)
    }

    @Test(arguments: rows)
    func `is the same whichever way it is not given, and as the table says`(
        row: Row
    ) async throws {
        let found = [
            try await created(row, nil), try await created(row, .null),
            try await created(row, row.empty), try await updated(row, nil),
            try await updated(row, .null), try await updated(row, row.empty),
        ]
        #expect(
            found == [
                row.created, row.created, row.createdEmpty, row.updated, row.updated,
                row.updatedEmpty,
            ]
        )
    }
}
