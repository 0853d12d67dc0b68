import HTTPClient
import Testing

@Suite("URLs of requests")
struct HTTPURLTests {
    @Test(
        arguments: [
            ("http://a", false, "a", 80, "/", "a"),
            (
                "HTTPS://Easel.Example:8443/v1/x?y=%20", true, "easel.example", 8443, "/v1/x?y=%20",
                "easel.example:8443"
            ),
            ("https://[fd00::1]/", true, "fd00::1", 443, "/", "[fd00::1]"),
            ("http://[::1]:81?q", false, "::1", 81, "/?q", "[::1]:81"),
            ("http://10.0.0.1:80/a", false, "10.0.0.1", 80, "/a", "10.0.0.1"),
            ("http://my_host/", false, "my_host", 80, "/", "my_host"),
        ] as [(String, Bool, String, UInt16, String, String)]
    )
    func `reads what is well formed`(
        text: String,
        isSecure: Bool,
        host: String,
        port: UInt16,
        target: String,
        authority: String
    ) throws {
        let url = try #require(HTTPURL(text))
        #expect(url.isSecure == isSecure)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(url.authority == authority)
        #expect(HTTPURL(url.description) == url)
    }

    @Test(arguments: [
        "", "a", "//a", "ftp://a", "file:///etc/passwd", "http:/a", "http://", "http:///x",
        "http://u@a/", "http://u:p@a/", "http://a/#f", "http://a b/", "http://a/ b",
        "http://a\\b/", "http://a/\\b", "http://a:0/", "http://a:65536/", "http://a:/",
        "http://a:+1/", "http://a:1:2/", "http://[::1/", "http://[1.2.3.4]/", "http://[::1]x/",
        "http://[fe80::1%25eth0]/", "http://::1/", "http://a/%", "http://a/%4", "http://a/%zz",
        "http://a/\r\nX: y", "http://ä/", "http://-a/", "http://a-/", "http://a..b/", "http://a./",
        "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://1.2.3.256/",
        "http://a/{x}", "http://a/\"", "http://a*/", "http:// /",
        "http://a/" + String(repeating: "x", count: 8192),
    ])
    func `refuses the rest`(text: String) {
        #expect(HTTPURL(text) == nil)
    }

    @Test func `keeps the server when only the target changes`() throws {
        let url = try #require(HTTPURL("https://a:8443/v1"))
        #expect(url.with(target: "/v2?x=1")?.description == "https://a:8443/v2?x=1")
        #expect(url.with(target: "v2") == nil)
        #expect(url.with(target: "/a b") == nil)
        #expect(url.with(target: "/a\r\n") == nil)
    }
}
