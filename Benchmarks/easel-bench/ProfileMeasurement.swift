import Glibc
import HTTPCore
import JSON
import Primitives

/// What it takes to fill the registry and to check a large profile.
struct ProfileMeasurement {
    let packs: Int
    let importSeconds: Double
    /// The same import once more.
    let againSeconds: Double
    let layers: Int
    /// Of `validate/packs`, from sending the request to having the answer, in milliseconds.
    let validations: [Double]

    private static let layersOfProfile = 30

    /// Writes packs, imports them twice into a server that runs, and checks a profile of some.
    static func run(
        _ program: String,
        packs: Int,
        validations: Int,
        in folder: String
    ) throws -> ProfileMeasurement {
        let place = EaselServer.Place(folder: folder)
        let server = try EaselServer(program, at: place)
        defer { server.stop() }
        let administrator = try Administrator(of: server, signInPath: place.signIn)
        let source = folder + "/packs"
        mkdir(source, 0o700)
        for number in 0..<packs { try writePack(number, in: source) }
        func importAll(_ outcome: String) throws -> Double {
            try seconds {
                let output = try ChildProcess.run(
                    [
                        program, "packs", "import", source,
                        "--server", "http://127.0.0.1:\(server.plainPort)",
                        "--api-key", administrator.apiKey,
                    ],
                    in: folder
                )
                guard output.contains("\(packs) \(outcome)") else { throw BenchError(output) }
            }
        }
        let first = try importAll("imported")
        let again = try importAll("unchanged")
        let layers: [JSONValue] = (0..<layersOfProfile).map { number in
            [
                "name": .string(name(number)), "tag": "1.0.0",
                "values": .string(values(number)),
            ]
        }
        let body: JSONValue = ["type": "cluster", "cloudType": "edge", "packs": .array(layers)]
        var times: [Double] = []
        for _ in 0..<validations {
            var answer = JSONValue.null
            let time = try seconds {
                answer = try administrator.call(
                    .post,
                    "/v1/clusterprofiles/validate/packs",
                    body
                )
            }
            times.append(time * 1000)
            let results = answer["packs"]?["results"]?.elements ?? []
            guard results.count == layersOfProfile,
                results.allSatisfy({ $0["errors"] == .array([]) })
            else { throw BenchError("the profile does not validate: \(answer)") }
        }
        return ProfileMeasurement(
            packs: packs,
            importSeconds: first,
            againSeconds: again,
            layers: layersOfProfile,
            validations: times.sorted()
        )
    }

    private static func seconds(_ work: () throws -> Void) rethrows -> Double {
        let start = MonotonicTime.now()
        try work()
        return Double(MonotonicTime.now().nanoseconds(since: start)) / 1e9
    }

    private static func name(_ number: Int) -> String { "bench-\(number)" }

    /// About 2 kB, with what the schema asks for.
    private static func values(_ number: Int) -> String {
        var text = "pack:\n  namespace: bench-\(number)\nmanifests:\n  own:\n"
        for key in 0..<40 {
            text +=
                "    # The port of the part with the number \(key).\n    port\(key): \(8000 + key)\n"
        }
        return text
    }

    private static func writePack(_ number: Int, in source: String) throws {
        let folder = "\(source)/\(name(number))-1.0.0"
        mkdir(folder, 0o700)
        mkdir(folder + "/manifests", 0o700)
        let core = ["os", "k8s", "cni", "csi"]
        let layer = number < core.count ? core[number] : "addon"
        try Files.write(
            """
            {"name":"\(name(number))","displayName":"Bench","version":"1.0.0","layer":"\(layer)",
             "cloudTypes":["all"],"kubeManifests":["manifests/own.yaml"],
             "constraints":{"dependencies":[{"packName":"bench-1","layer":"k8s","type":"required",
             "minVersion":"1.0","maxVersion":"1.9"}]}}
            """,
            to: folder + "/pack.json"
        )
        try Files.write(values(number), to: folder + "/values.yaml")
        var schema = ""
        for key in 0..<40 {
            schema += "manifests.own.port\(key):\n  schema: '{{ required | format "
            schema += key.isMultiple(of: 2) ? "\"${number:[1-65535]}\"" : "\"${string:/^[0-9]+$/}\""
            schema += " | hints \"A port.\" }}'\n"
        }
        try Files.write(schema, to: folder + "/schema.yaml")
        try Files.write(
            "kind: ConfigMap\nmetadata: {name: own}\ndata: {number: \"\(number)\"}\n",
            to: folder + "/manifests/own.yaml"
        )
    }
}
