import AgentContract
import JSON
import Testing

@Suite("The number of a desired state")
struct DesiredNumberTests {
    @Test func `is read with and without quotes`() {
        let number = DesiredNumber(epoch: 2, counter: 77)
        #expect(DesiredNumber(text: "2.77".utf8) == number)
        #expect(DesiredNumber(text: "\"2.77\"".utf8) == number)
        #expect(DesiredNumber(text: number.text.utf8) == number)
    }

    @Test(arguments: ["", ".", "1.", ".1", "1", "a.1", "1.2.3", "-1.2", "1.9999999999999999999"])
    func `is nothing else`(text: String) { #expect(DesiredNumber(text: text.utf8) == nil) }

    @Test func `orders by epoch, then by counter`() {
        #expect(DesiredNumber(epoch: 1, counter: 9) < DesiredNumber(epoch: 2, counter: 0))
        #expect(DesiredNumber(epoch: 1, counter: 8) < DesiredNumber(epoch: 1, counter: 9))
    }
}

@Suite("Documents of the contract")
struct ContractDocumentTests {
    private static let revision = ProfileRevision(
        uid: "u",
        name: "n",
        version: "1.0.0",
        type: "system",
        cloudType: "libvirt",
        number: 3,
        layers: [
            LayerRevision(
                name: "a",
                kind: "spectro",
                layer: "addon",
                registryUID: "r",
                packUID: "p",
                version: "4.1.0",
                tag: "4.x",
                installOrder: 10,
                isVM: true,
                digest: "sha256:1",
                values: Part(digest: "sha256:2", size: 5),
                manifests: [
                    .init(name: "m", part: Part(digest: "sha256:3", size: 6), isAttached: true)
                ],
                charts: [.init(name: "c", file: "c.tgz", part: Part(digest: "sha256:4", size: 7))]
            )
        ],
        tags: ["region": "north", "gpu": ""]
    )

    @Test func `a revision is read as it was written`() throws {
        let bytes = Self.revision.jsonBytes()
        #expect(try ProfileRevision(JSONParser.parse(bytes)) == Self.revision)
    }

    @Test func `a revision without tags does not speak of them, and an older one has none`()
        throws
    {
        let plain = ProfileRevision(
            uid: "u",
            name: "n",
            version: "1.0.0",
            type: "infra",
            cloudType: "edge",
            number: 1,
            layers: []
        )
        let bytes = plain.jsonBytes()
        #expect(!String(decoding: bytes, as: UTF8.self).contains("labels"))
        #expect(try ProfileRevision(JSONParser.parse(bytes)) == plain)
    }

    @Test(arguments: ["[]", "\"a\"", "{\"a\":1}"])
    func `tags that are no texts are refused`(tags: String) throws {
        let text = """
            {"profile":{"uid":"u","name":"n","version":"1.0.0","type":"system",\
            "cloudType":"all","labels":\(tags)},"number":1,"layers":[]}
            """
        #expect(throws: ContractError.self) { try ProfileRevision(JSONParser.parse(text)) }
    }

    @Test func `an archive's manifest is read as it was written`() throws {
        for authority in [nil, "-----BEGIN CERTIFICATE-----\n"] {
            let manifest = ArchiveManifest(
                profileUID: "u",
                profileName: "n",
                profileVersion: "1.0.0",
                revision: 3,
                serverURL: "https://x",
                caCertificate: authority,
                signingKey: "-----BEGIN PUBLIC KEY-----\n",
                pairingToken: "t",
                files: [.init(path: "profile.json", sha256: "00", size: 2)]
            )
            #expect(try ArchiveManifest(JSONParser.parse(manifest.jsonBytes())) == manifest)
        }
    }

    @Test func `a desired state is read, and unknown members are skipped`() throws {
        let text = """
            {"number":{"epoch":1,"counter":2},"appliance":{"uid":"d"},"profiles":[\
            \(String(decoding: Self.revision.jsonBytes(), as: UTF8.self))],\
            "removed":[{"name":"x","profileUid":"u"}],"jobs":[{"kind":"later"}],"more":1,\
            "pollIntervalSeconds":30,"nextPollAt":"2026-01-01T00:00:00.000Z"}
            """
        let state = try DesiredState(JSONParser.parse(text))
        #expect(state.number == DesiredNumber(epoch: 1, counter: 2))
        #expect(state.profiles == [Self.revision])
        #expect(state.removed == [.init(name: "x", profileUID: "u")])
    }

    @Test(arguments: [
        ("{}", "/number"), ("[]", "/"),
        ("{\"number\":{\"epoch\":\"1\"}}", "/number/epoch"),
        (
            "{\"number\":{\"epoch\":1,\"counter\":1},\"appliance\":{\"uid\":\"d\"},\"profiles\":[1]}",
            "/profiles/0"
        ),
    ])
    func `a document that does not fit names the member`(text: String, pointer: String) {
        let error = #expect(throws: ContractError.self) {
            try DesiredState(JSONParser.parse(text))
        }
        #expect(error?.description.hasPrefix(pointer + ":") == true)
    }
}
