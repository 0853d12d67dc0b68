import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("Profiles, through the whole server")
struct ProfileRuleTests {
    private func post(
        _ world: World,
        _ body: JSONValue,
        project: Bool = true
    ) async throws -> TestAnswer {
        try await world.api.call(
            .post,
            "/v1/clusterprofiles",
            as: world.own.key,
            project: project ? world.own.projectUID : nil,
            body: body
        )
    }

    // CHK-3.1.
    @Test(arguments: ["system", "add-on"], ["kernel", "os", "k8s", "cni", "csi"])
    func `a profile of add-ons takes no core layer`(_ type: String, _ layer: String) async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        let answer = try await post(
            world,
            [
                "metadata": ["name": "core"],
                "spec": [
                    "template": [
                        "type": .string(type),
                        "packs": [
                            [
                                "name": "x", "type": "manifest", "layer": .string(layer),
                                "manifests": [["name": "m", "content": "a: 1\n"]],
                            ]
                        ],
                    ]
                ],
            ]
        )
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.faults == ["/spec/template/packs/0/layer CoreLayerNotAllowed"])
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // CHK-3.3.
    @Test func `a name and version is taken once in a scope, and free in another`() async throws {
        let world = try await World()
        let body = Bodies.profile("edge", registry: world.registryUID)
        #expect(try await post(world, body).status == 409)
        #expect(try await post(world, body, project: false).status == 201)
    }

    // CHK-3.7.
    @Test(arguments: [("cloudType", "edge-native"), ("type", "add-on")])
    func `what a profile is for cannot change`(_ member: String, _ value: String) async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        let answer = try await world.api.call(
            .put,
            "/v1/clusterprofiles/\(world.own.profileUID)",
            as: world.own.key,
            project: world.own.projectUID,
            body: [
                "metadata": ["name": "edge"],
                "spec": ["template": .object([member: .string(value)])],
            ]
        )
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.faults == ["/spec/template/\(member) Immutable"])
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // SECURITY 23.
    @Test(arguments: [
        """
        a: &a [x,x,x,x,x,x,x,x,x]
        b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
        c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
        d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]
        e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]
        f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]
        g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]
        h: [*g,*g,*g,*g,*g,*g,*g,*g,*g]
        """, "a: &a\n  b: *a\n", "a: !!python/object/apply:os.system ['id']\n", "a: [",
        String(repeating: "[", count: 100_000), "a: 1\na: 2\n",
    ])
    func `values that are a trap are refused`(_ yaml: String) async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        let answer = try await post(
            world,
            [
                "metadata": ["name": "trap"],
                "spec": [
                    "template": [
                        "type": "system",
                        "packs": [
                            [
                                "name": "web", "type": "spectro", "tag": "1.x",
                                "registryUid": .string(world.registryUID), "values": .string(yaml),
                            ]
                        ],
                    ]
                ],
            ]
        )
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.faults.first?.hasPrefix("/spec/template/packs/0/values ") == true)
        #expect(try world.snapshot().changes(since: before) == [])
    }
}
