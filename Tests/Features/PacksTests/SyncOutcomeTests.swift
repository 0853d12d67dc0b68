import APIKit
import Crypto
import HTTPCore
import JSON
import TestSupport
import Testing

@testable import Packs

@Suite("What a run says of itself")
struct SyncOutcomeTests {
    private func index(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func `an index of another format is refused by name and changes nothing`()
        async throws
    {
        let site = try StaticSite(try RegistryBench.published([("web", "1.0.0")]))
        let bench = try RegistryBench(site)
        let uid = try await bench.add("pack", RegistryBench.body("Central", site.url))
        site.put("index.json", index(#"{"format":"easel-pack-index/2","packs":[]}"#))
        let status = try await bench.sync("pack", uid)
        #expect(status["status"]?.text == "Failed")
        #expect(status["message"]?.text?.contains("easel-pack-index/1") == true)
        #expect(try bench.standings(uid) == ["web 1.0.0 active"])
        let body = RegistryBench.body("Other", site.url)
        for (path, sent) in [("", body), ("/validate", body["spec"])] {
            let answer = try await bench.api.call(
                .post,
                "/v1/registries/pack\(path)",
                body: sent
            )
            #expect(answer.status == 400)
            #expect(answer.pointers == ["/spec/endpoint"])
            #expect(answer.message.contains("easel-pack-index/1"), "\(answer.text)")
        }
        await site.stop()
    }

    @Test func `an entry of an unknown state is malformed`() async throws {
        let files = try RegistryBench.published([("api", "1.0.0"), ("web", "1.0.0")])
        let text = String(decoding: try #require(files["index.json"]), as: UTF8.self)
        let site = try StaticSite(files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("pack", RegistryBench.body("Central", site.url))
        let end = try #require(text.lastIndex(of: "]"))
        let changed =
            text[..<end].dropLast() + #","state":"retired"}"# + text[end...]
        site.put("index.json", index(String(changed)))
        let status = try await bench.sync("pack", uid)
        #expect(status["status"]?.text == "Failed")
        #expect(status["message"]?.text?.contains("Entry 2") == true, "\(status)")
        #expect(try bench.standings(uid) == ["api 1.0.0 active", "web 1.0.0 active"])
        await site.stop()
    }

    @Test func `a run that could take nothing over has failed`() async throws {
        var files = try RegistryBench.published([("web", "1.0.0")])
        files["web-1.0.0.tgz"] = [1, 2, 3]
        let site = try StaticSite(files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("pack", RegistryBench.body("Central", site.url))
        let status = try await bench.status("pack", uid)
        #expect(status["status"]?.text == "Failed")
        #expect(
            status["message"]?.text
                == "0 pack versions are new, 0 unchanged. 1 was refused: web 1.0.0 "
                + "(not the archive of the index)."
        )
        await site.stop()
    }

    @Test func `an archive in a closed network does not keep the others out`() async throws {
        var files = try RegistryBench.published([("api", "1.0.0"), ("web", "1.0.0")])
        let text = String(decoding: try #require(files["index.json"]), as: UTF8.self)
        files["index.json"] = index(
            text.replacing(#""web-1.0.0.tgz""#, with: #""http://10.0.0.1/web-1.0.0.tgz""#)
        )
        let site = try StaticSite(files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("pack", RegistryBench.body("Central", site.url))
        #expect(try bench.standings(uid) == ["api 1.0.0 active"])
        let status = try await bench.status("pack", uid)
        #expect(status["status"]?.text == "Success")
        let message = try #require(status["message"]?.text)
        #expect(message.hasPrefix("1 pack version is new"))
        #expect(message.contains("web 1.0.0 (its address"))
        #expect(!message.contains("endpoint"))
        await site.stop()
    }

    @Test func `a chart's version that is none is passed over and named`() async throws {
        let text = """
            apiVersion: v1
            entries:
              nginx:
              - version: latest
                urls: [x.tgz]
              - version: v1.14
                urls: [y.tgz]
            """
        let site = try StaticSite(["index.yaml": index(text)])
        let bench = try RegistryBench(site)
        let uid = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        #expect(try bench.standings(uid) == ["nginx v1.14 active"])
        let status = try await bench.status("helm", uid)
        let message = try #require(status["message"]?.text)
        #expect(message.hasPrefix("1 chart version is new"))
        #expect(message.contains("nginx latest"))
        await site.stop()
    }

    /// An OCI registry with one repository whose one tag has one layer of a type.
    private func oci(_ name: String, layer: String) -> [String: [UInt8]] {
        let digest = BlobStore.digest(of: [1])
        let part = #""digest":"\#(digest)","size":1}"#
        return [
            "v2/": index("{}"),
            "v2/_catalog": index(#"{"repositories":["stuff/\#(name)"]}"#),
            "v2/stuff/\(name)/tags/list": index(#"{"tags":["1.0.0"]}"#),
            "v2/stuff/\(name)/blobs/\(digest)": [1],
            "v2/stuff/\(name)/manifests/1.0.0": index(
                #"{"config":{"mediaType":"a/b",\#(part),"layers":[{"mediaType":"\#(layer)",\#(part)]}"#
            ),
        ]
    }

    @Test(arguments: [
        ("helm", "application/vnd.easel.pack.content.v1.tar+gzip", "is a pack, not a chart"),
        ("pack", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "is a chart, not a pack"),
    ])
    func `an OCI registry of the other provider lists nothing and says why`(
        provider: String,
        layer: String,
        reason: String
    ) async throws {
        let site = try StaticSite(oci("web", layer: layer))
        let bench = try RegistryBench(site)
        let made = try await bench.api.call(
            .post,
            "/v1/registries/oci/basic",
            body: RegistryBench.body(
                "Harbor",
                site.url,
                more: ["providerType": .string(provider), "baseContentPath": "stuff"]
            )
        )
        try #require(made.status == 201, "\(made.text)")
        await bench.packs.sync.settle()
        let uid = try #require(made.json["uid"]?.text)
        #expect(try bench.standings(uid).isEmpty)
        let status = try await bench.api.call(
            .get,
            "/v1/registries/oci/\(uid)/basic/sync/status"
        ).json
        #expect(status["status"]?.text == "Failed")
        #expect(status["message"]?.text?.contains("web 1.0.0 (\(reason))") == true, "\(status)")
        await site.stop()
    }
}

@Suite("Seeing whether a registry can be read")
struct RegistryCheckTests {
    @Test(.timeLimit(.minutes(1)))
    func `ends when it takes too long`() async throws {
        let error = await #expect(throws: RegistryContent.TookTooLong.self) {
            try await RegistryContent.within(.milliseconds(1)) {
                try await Task.sleep(for: .seconds(3_600))
            }
        }
        let failure = RegistryContent.failure(try #require(error))
        #expect(failure.faults.map(\.pointer) == ["/spec/endpoint"])
        #expect(failure.message.contains("20 seconds"))
    }

    @Test func `gives what went wrong before that`() async throws {
        await #expect(throws: CancellationError.self) {
            try await RegistryContent.within(.seconds(3_600)) { throw CancellationError() }
        }
    }

    @Test(arguments: ["zz", "1"])
    func `a run is not forced by a word that is neither true nor false`(word: String)
        async throws
    {
        let bench = try RegistryBench()
        let path = "/v1/registries/pack/none/sync?forceSync=\(word)"
        let answer = try await bench.api.call(.post, path)
        #expect(answer.status == 400)
        #expect(answer.pointers == ["query/forceSync"])
    }
}
