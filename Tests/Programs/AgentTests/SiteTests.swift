import Crypto
import Testing

@testable import easel_agent

@Suite("unattended.yaml")
struct SitePropertiesTests {
    private func read(_ text: String) throws -> SiteProperties {
        try SiteProperties(yaml: Array(text.utf8))
    }

    private func mistakes(_ text: String) -> [String] {
        do {
            _ = try read(text)
            return []
        } catch let mistakes as SiteProperties.Mistakes {
            return mistakes.all.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `gives the known keys and keeps all others for templates`() throws {
        let site = try read(
            """
            device_id: device-153
            paletteEndpoint: easel.example.org:8443
            pairingKey: s3cret
            proxy:
              httpsProxy: http://proxy:3128
              noProxy: 127.0.0.1, localhost
            lanIP: 192.168.100.12/24
            ward: 3
            empty:
            ntpServers: [192.168.100.1]
            """
        )
        #expect(site.deviceID == "device-153")
        #expect(site.endpoint == "https://easel.example.org:8443")
        #expect(site.pairingKey == "s3cret")
        #expect(site.httpsProxy == "http://proxy:3128")
        #expect(site.noProxy == ["127.0.0.1", "localhost"])
        #expect(site.values["ward"] == .text("3"))
        #expect(site.values["empty"] == .text(""))
        #expect(site.values["proxy.httpsProxy"] == .text("http://proxy:3128"))
        #expect(site.values["ntpServers"] == .collection)
        #expect(site.values["pairingKey"] == nil)
    }

    @Test func `names every mistake with line and column`() {
        #expect(
            mistakes(
                """
                device_id: "a b"
                paletteEndpoint: ftp://x
                lanIP: 300.1.1.1
                dhcp:
                  rangeStart: 10.0.0.9
                  rangeEnd: 10.0.0.1
                mode: twin
                """
            )
                == [
                    "line 1, column 12: 'device_id' may hold letters, digits and signs such as - "
                        + "and _ only.",
                    "line 2, column 18: 'paletteEndpoint' must be an address such as "
                        + "https://easel.example.org:8443.",
                    "line 3, column 8: 'lanIP' must be an IP address.",
                    "line 5, column 15: The range of 'dhcp' ends before it begins.",
                    "line 7, column 7: 'mode' must be standalone or ha.",
                ]
        )
    }

    @Test(arguments: [
        ("device_id: a\n\tb: 1\n", "line 2, column 1"), ("device_id: 'a\n", "line 2, column 1"),
        ("device_id: a\ndevice_id: b\n", "line 2, column 1"), ("- a\n", "line 1, column 1"),
        ("device_id:\n", "line 1, column 11"), ("device_id: {a: 1}\n", "line 1, column 12"),
        ("device_id: a\nproxy: none\n", "line 2, column 8"),
        ("device_id: a\nlanIP: 10.0.0.1/40\n", "line 2, column 8"),
    ])
    func `says where the file is wrong`(text: String, place: String) {
        #expect(mistakes(text).first?.hasPrefix(place) == true, "\(mistakes(text))")
    }

    @Test func `takes a file without device_id and one with nothing but comments`() throws {
        #expect(try read("# nothing\n").deviceID == nil)
        #expect(try read("lanIP: ''\n").deviceID == nil)
    }

    @Test func `takes the key of archives in one form only`() throws {
        let pem = try Samples.signer.get().publicKey.pem
        let lines = pem.split(separator: "\n").map { "  \($0)\n" }.joined()
        #expect(try read("archiveKey: |\n\(lines)").archiveKey == pem)
        #expect(try read("archiveKey:\n").archiveKey == nil)
        #expect(
            mistakes("archiveKey: abc\n")
                == ["line 1, column 13: 'archiveKey' must be a public Ed25519 key in PEM."]
        )
    }

    @Test func `has a digest that changes with its values only`() throws {
        #expect(try read("a: 1\nb: 2\n").digest == read("b: 2\n# x\na: 1\n").digest)
        #expect(try read("a: 1\n").digest != read("a: 2\n").digest)
    }
}

@Suite("Site properties in templates")
struct SiteTemplateTests {
    private let values: [String: SiteValue] = [
        "lanIP": .text("10.0.0.1"), "dhcp": .collection, "dhcp.rangeStart": .text("10.0.0.5"),
    ]

    private func render(_ text: String) throws -> String {
        String(
            decoding: try SiteTemplate.render(Array(text.utf8), values).bytes,
            as: UTF8.self
        )
    }

    @Test(arguments: [
        ("lan: {{ .site.lanIP }}!", "lan: 10.0.0.1!"),
        ("{{.site.lanIP}}{{ .site.dhcp.rangeStart }}", "10.0.0.110.0.0.5"),
        (
            "{{ .Values.a }} {{ .sites.a }} {{ range }}",
            "{{ .Values.a }} {{ .sites.a }} {{ range }}"
        ),
        ("{ { .site.lanIP } }", "{ { .site.lanIP } }"), ("{{{ .site.lanIP }}}", "{10.0.0.1}"),
        ("{{", "{{"), ("", ""),
    ])
    func `puts values in that one form only`(text: String, result: String) throws {
        #expect(try render(text) == result)
    }

    @Test(arguments: [
        ("{{ .site.wanIP }}", "SitePropertyMissing"), ("{{ .site.dhcp }}", "SitePropertyNotSingle"),
        ("{{ .site.lanIP | quote }}", "TemplateNotUnderstood"),
        ("{{ .site.lanIP", "TemplateNotUnderstood"), ("{{ .site }}", "TemplateNotUnderstood"),
        ("{{ .site.lanIP -}}", "TemplateNotUnderstood"),
    ])
    func `fails for what it cannot put in`(text: String, reason: String) {
        let refusal = #expect(throws: SiteTemplate.Refusal.self) {
            try SiteTemplate.render(Array(text.utf8), values)
        }
        #expect(refusal?.reason == reason)
    }
}
