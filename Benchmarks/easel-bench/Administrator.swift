import Glibc
import HTTPClient
import HTTPCore
import JSON

/// Sets a server up through its API, as an operator with an API key does.
struct Administrator {
    let apiKey: String
    let projectUID: String
    private let base: String
    private let client: BlockingHTTPClient

    /// - Parameter signInPath: the file that the first start wrote.
    init(of server: EaselServer, signInPath: String) throws {
        let signIn = try JSONParser.parse(try Self.awaitSignIn(signInPath))
        guard let key = signIn["apiKey"]?.text, let project = signIn["projectUid"]?.text else {
            throw BenchError("\(signInPath) holds no API key")
        }
        apiKey = key
        projectUID = project
        base = "http://127.0.0.1:\(server.plainPort)"
        var options = HTTPClientOptions()
        options.trust = nil
        client = try HTTPClient.blocking(options: options)
    }

    /// The server listens already while its first start still hashes the password.
    private static func awaitSignIn(_ path: String) throws -> [UInt8] {
        for _ in 0..<1000 {
            if let bytes = try? Files.bytes(path), !bytes.isEmpty { return bytes }
            usleep(10_000)
        }
        throw BenchError("the server does not write \(path)")
    }

    /// Sends a request and takes the answer's JSON; null for an empty one.
    ///
    /// - Throws: for any status that is not 2xx.
    @discardableResult
    func call(_ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil) throws -> JSONValue {
        guard let url = HTTPURL(base + path) else { throw BenchError("no URL: \(path)") }
        var fields = [("ApiKey", apiKey), ("ProjectUid", projectUID)]
        if body != nil { fields.append(("Content-Type", "application/json")) }
        let answer = try client.send(
            ClientRequest(method, url, fields: fields, body: body?.jsonBytes() ?? [])
        )
        guard (200..<300).contains(answer.status) else {
            let text = String(decoding: answer.body, as: UTF8.self)
            throw BenchError("\(method.text) \(path): \(answer.status) \(text)")
        }
        return answer.body.isEmpty ? .null : try JSONParser.parse(answer.body)
    }

    /// A manifest of a few lines.
    static let smallManifest = """
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: site
          namespace: default
        data:
          region: north

        """

    /// Makes a system profile of one manifest layer and publishes it.
    func publishProfile(
        _ name: String = "bench",
        manifest: String = Administrator.smallManifest
    ) throws -> String {
        let made = try call(
            .post,
            "/v1/clusterprofiles?publish=true",
            [
                "metadata": ["name": .string(name)],
                "spec": [
                    "version": "1.0.0",
                    "template": [
                        "type": "system",
                        "cloudType": "edge-native",
                        "packs": [
                            [
                                "name": "site-config", "type": "manifest", "layer": "addon",
                                "tag": "1.0.0",
                                "manifests": [["name": "site", "content": .string(manifest)]],
                            ]
                        ],
                    ],
                ],
            ]
        )
        guard let uid = made["uid"]?.text else { throw BenchError("the profile has no uid") }
        return uid
    }

    /// Edits the profile's manifest and publishes the edit.
    func changeProfile(_ uid: String) throws {
        try editProfile(uid, text: "b")
        try call(.patch, "/v1/clusterprofiles/\(uid)/publish")
    }

    /// Edits the profile's manifest in the draft.
    func editProfile(_ uid: String, text: String) throws {
        let profile = try call(.get, "/v1/clusterprofiles/\(uid)")
        guard
            let manifest = profile["spec"]?["published"]?["packs"]?.elements?.first?["manifests"]?
                .elements?.first?["uid"]?.text
        else { throw BenchError("the profile shows no manifest") }
        try call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/site-config/manifests/\(manifest)",
            [
                "name": "site",
                "content": .string("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \(text)}\n"),
            ]
        )
    }

    /// Registers an appliance with the profile, and pairs it.
    func pairAppliance(_ uid: String, token: String, profileUID: String) throws -> PairedAppliance {
        let paired = try call(
            .post,
            "/v1/edgehosts/register",
            [
                "metadata": ["uid": .string(uid), "name": .string(uid)],
                "spec": [
                    "host": [
                        "hostUid": .string(uid), "hostAuthToken": .string(token),
                        "hostChecksum": .string("checksum-\(uid)"),
                        "hostAddress": "10.0.0.7", "macAddress": "02:00:00:00:00:01",
                    ],
                    "device": [
                        "archType": "amd64",
                        "cpu": ["cores": 8],
                        "memory": ["sizeInMB": 32_768],
                        "os": ["family": "linux", "version": "12"],
                    ],
                ],
            ]
        )
        guard let credential = paired["status"]?["serviceAuthToken"]?.text, !credential.isEmpty
        else { throw BenchError("the appliance got no credential") }
        try call(
            .put,
            "/v1/edgehosts/\(uid)/profiles",
            ["profiles": [["uid": .string(profileUID)]]]
        )
        return PairedAppliance(uid: uid, credential: credential)
    }

    /// Makes a registration token.
    func makeToken() throws -> String {
        let made = try call(
            .post,
            "/v1/edgehosts/tokens",
            [
                "metadata": ["name": "bench"],
                "spec": ["defaultProjectUid": .string(projectUID)],
            ]
        )
        guard let uid = made["uid"]?.text,
            let token = try call(.get, "/v1/edgehosts/tokens/\(uid)")["spec"]?["token"]?.text
        else { throw BenchError("the registration token has no value") }
        return token
    }
}

/// An appliance that load can be driven as.
struct PairedAppliance {
    let uid: String
    let credential: String
}
