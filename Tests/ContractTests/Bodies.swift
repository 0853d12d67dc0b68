import Crypto
import JSON

/// Bodies that operations take.
enum Bodies {
    static func profile(
        _ name: String,
        registry: String,
        type: String = "system",
        tag: String = "1.x"
    ) -> JSONValue {
        [
            "metadata": ["name": .string(name), "labels": ["site": "store"]],
            "spec": ["version": "1.0.0", "template": template(registry, type: type, tag: tag)],
        ]
    }

    static func template(_ registry: String, type: String = "system", tag: String = "1.x")
        -> JSONValue
    {
        [
            "type": .string(type), "cloudType": "all",
            "packs": [
                [
                    "name": "web", "type": "spectro", "layer": "addon",
                    "registryUid": .string(registry), "tag": .string(tag),
                ],
                layer("vms"),
            ],
        ]
    }

    /// A layer of manifests.
    static func layer(_ name: String) -> JSONValue {
        [
            "name": .string(name), "type": "manifest", "layer": "addon",
            "manifests": [
                ["name": "vm", "content": "kind: VM\n"], ["name": "net", "content": "kind: Net\n"],
            ],
        ]
    }

    /// A form with a file, between lines of `--edge`.
    static func form(_ file: [UInt8], named name: String = "importFile") -> [UInt8] {
        Array(
            """
            --edge\r\nContent-Disposition: form-data; name="\(name)"; filename="p.json"\r\n\r\n
            """.utf8
        ) + file + Array("\r\n--edge--\r\n".utf8)
    }

    static func pairing(
        _ uid: String,
        key: String? = nil,
        token: String? = nil,
        checksum: String = "machine-1"
    ) -> JSONValue {
        var host: JSONObject = ["hostUid": .string(uid), "hostChecksum": .string(checksum)]
        if let key { host["hostPairingKey"] = .string(key) }
        if let token { host["hostAuthToken"] = .string(token) }
        return ["metadata": ["uid": .string(uid)], "spec": ["host": .object(host)]]
    }

    /// A request for a certificate, of a key that nobody keeps.
    static let certificateRequest =
        (try? CertificateRequest.make(PrivateKey())).map { String(decoding: $0, as: UTF8.self) }
        ?? ""

    static func report(_ sequence: Int64) -> JSONValue {
        [
            "sequence": .int(sequence), "observed": ["epoch": 0, "counter": 0],
            "health": ["state": "healthy", "message": ""], "agentVersion": "1.0.0",
            "layers": [
                [
                    "name": "web", "kind": "spectro", "version": "1.1.0", "profileUid": "p",
                    "revision": 1, "digest": "sha256:0", "action": "applied",
                ]
            ],
            "events": [],
        ]
    }
}
