import HTTPCore
import JSON
import Testing

/// An appliance that a test speaks for itself.
struct PairedAppliance: Sendable {
    let uid: String
    let credential: String

    /// A client that speaks as this appliance.
    func api(_ server: EaselProcess, isSecure: Bool = false) throws -> API {
        try API(
            isSecure ? server.secureURL : server.plainURL,
            authority: isSecure ? TestFiles.read(server.authorityPath) : nil,
            credentials: [(name: "Authorization", value: "Bearer \(credential)")])
    }
}

extension API {
    /// Registers an appliance and gives the answer.
    func register(_ uid: String) async throws -> APIAnswer {
        try await send(
            .post, "/v1/edgehosts",
            ["metadata": ["uid": .string(uid), "name": .string(uid)], "spec": [:]])
    }

    /// A token that admits appliances to a project.
    func makeToken(project: String) async throws -> String {
        let made = try await call(
            .post, "/v1/edgehosts/tokens",
            [
                "metadata": ["name": "system-tests"],
                "spec": ["defaultProjectUid": .string(project)],
            ], expecting: 201)
        let uid = try #require(made["uid"]?.text)
        let shown = try await call(.get, "/v1/edgehosts/tokens/\(uid)")
        return try #require(shown["spec"]?["token"]?.text, "\(shown)")
    }

    /// Pairs an appliance that the token admits.
    func pair(_ uid: String, token: String) async throws -> PairedAppliance {
        let answer = try await call(
            .post, "/v1/edgehosts/register",
            [
                "metadata": ["uid": .string(uid), "name": .string(uid)],
                "spec": [
                    "host": [
                        "hostUid": .string(uid), "hostChecksum": .string("machine-of-\(uid)"),
                        "hostAuthToken": .string(token),
                    ]
                ],
            ])
        let credential = try #require(answer["status"]?["serviceAuthToken"]?.text, "\(answer)")
        return PairedAppliance(uid: uid, credential: credential)
    }

    /// Makes a system profile of manifest layers, given as layer names with their content, and
    /// publishes it.
    func makeProfile(_ name: String, layers: [(name: String, content: String)]) async throws
        -> String
    {
        let made = try await call(
            .post, "/v1/clusterprofiles?publish=true",
            [
                "metadata": ["name": .string(name)],
                "spec": [
                    "version": "1.0.0",
                    "template": [
                        "type": "system", "cloudType": "libvirt", "packs": Self.layers(layers),
                    ],
                ],
            ], expecting: 201)
        return try #require(made["uid"]?.text)
    }

    /// Replaces the layers of a profile and publishes it.
    func change(_ profile: String, _ name: String, layers: [(name: String, content: String)])
        async throws
    {
        try await call(
            .put, "/v1/clusterprofiles/\(profile)",
            [
                "metadata": ["name": .string(name)],
                "spec": [
                    "version": "1.0.0",
                    "template": [
                        "type": "system", "cloudType": "libvirt", "packs": Self.layers(layers),
                    ],
                ],
            ])
        try await call(.patch, "/v1/clusterprofiles/\(profile)/publish")
    }

    private static func layers(_ layers: [(name: String, content: String)]) -> JSONValue {
        .array(
            layers.enumerated().map { index, layer in
                [
                    "name": .string(layer.name), "type": "manifest", "layer": "addon",
                    "values": .string(
                        "pack:\n  spectrocloud.com/install-priority: \"\(10 * (index + 1))\"\n"),
                    "manifests": [
                        ["name": .string(layer.name), "content": .string(layer.content)]
                    ],
                ]
            })
    }

    /// The archive of a published profile.
    func archive(_ profile: String) async throws -> [UInt8] {
        let answer = try await send(.get, "/v1/clusterprofiles/\(profile)/spc/download")
        try #require(answer.status == 200, "\(answer)")
        return answer.body
    }
}
