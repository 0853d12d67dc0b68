import HTTPCore
import JSON
import TestSupport

extension Bodies {
    /// The body that adds a registry at the tests' own site, which is not taken over at once.
    static func registry(_ name: String) throws -> JSONValue {
        [
            "metadata": ["name": .string(name)],
            "spec": [
                "endpoint": .string(try World.site.get().url), "auth": ["type": "noAuth"],
                "isPrivate": false, "createOption": ["skipSync": true],
            ],
        ]
    }
}

extension World {
    /// One successful call of each write of registries but the deletes.
    func registryWrites(of p: Place) throws -> [Call] {
        var calls: [Call] = []
        let kinds = [("pack", "Pack", p.remoteUID), ("helm", "Helm", p.helmUID)]
        for (kind, word, uid) in kinds {
            let body = try Bodies.registry("Another \(word)")
            let base = "/v1/registries/\(kind)"
            calls += [
                Call(
                    id: "V1Registries\(word)Validate",
                    method: .post,
                    target: base + "/validate",
                    body: body["spec"]
                ),
                Call(
                    id: "v1Registries\(word)Create",
                    method: .post,
                    target: base + "?skipPackSync=true",
                    body: body
                ),
                Call(
                    id: "v1Registries\(word)UidUpdate",
                    method: .put,
                    target: "\(base)/\(uid)",
                    body: try Bodies.registry("Renamed \(word)")
                ),
                Call(
                    id: "v1Registries\(word)UidSync",
                    method: .post,
                    target: "\(base)/\(uid)/sync"
                ),
            ]
        }
        calls.append(
            Call(
                id: "setPackState",
                method: .patch,
                target: "/v1/packs/\(p.packUID)/state",
                body: ["state": "deprecated"]
            )
        )
        return calls + (try ociWrites(of: p))
    }

    private func ociWrites(of p: Place) throws -> [Call] {
        let body = try Bodies.registry("Another OCI")
        let base = "/v1/registries/oci"
        return [
            Call(
                id: "v1BasicOciRegistriesValidate",
                method: .post,
                target: base + "/basic/validate",
                body: body["spec"]
            ),
            Call(
                id: "v1BasicOciRegistriesCreate",
                method: .post,
                target: base + "/basic?skipPackSync=true",
                body: body
            ),
            Call(
                id: "v1BasicOciRegistriesUidUpdate",
                method: .put,
                target: "\(base)/\(p.ociUID)/basic",
                body: try Bodies.registry("Renamed OCI")
            ),
            Call(
                id: "v1BasicOciRegistriesUidSync",
                method: .post,
                target: "\(base)/\(p.ociUID)/basic/sync"
            ),
        ]
    }
}
