import Primitives
import Testing

@testable import HTTPClient

@Suite("Where the server may be sent")
struct OutboundPolicyTests {
    private func address(_ text: String) throws -> IPAddress {
        try #require(IPAddress(text.utf8))
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254",
        "100.100.100.200", "127.0.0.1", "127.8.8.8", "169.254.169.254", "168.63.129.16",
        "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::",
        "2002:a9fe:a9fe::1", "2002:c0a8:101::", "2001::1", "2001:db8::1", "fc00::1",
        "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1",
    ])
    func `refuses what is not the internet`(text: String) throws {
        #expect(!OutboundPolicy().admits(try address(text), isSecure: true))
    }

    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.1.1.1",
        "128.0.0.1", "169.253.1.1", "172.15.1.1", "172.32.1.1", "192.167.1.1", "192.169.1.1",
        "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
        "2606:4700::1111", "2a00:1450::1",
    ])
    func `admits the internet for https, and not for http`(text: String) throws {
        #expect(OutboundPolicy().admits(try address(text), isSecure: true))
        #expect(!OutboundPolicy().admits(try address(text), isSecure: false))
    }

    @Test func `admits what the operator opened, and nothing beside it`() throws {
        let policy = OutboundPolicy(allowed: [try #require(IPNetwork("10.1.0.0/16"))])
        for isSecure in [true, false] {
            #expect(policy.admits(try address("10.1.2.3"), isSecure: isSecure))
            #expect(policy.admits(try address("::ffff:10.1.2.3"), isSecure: isSecure))
            #expect(!policy.admits(try address("10.2.0.1"), isSecure: isSecure))
            #expect(!policy.admits(try address("2002:a01:203::"), isSecure: isSecure))
        }
    }

    @Test(arguments: [
        "file:///etc/passwd", "gopher://a/", "ftp://a/", "http://2130706433/",
        "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.1./",
        "http://0x7f.0.0.0x1/", "http://[fe80::1%25eth0]/", "http://[::1%lo]/",
        "https://user@example.com/", "https://user:password@example.com/",
        "https://example.com#@127.0.0.1/", "https://example.com\\@127.0.0.1/",
    ])
    func `reads no URL that others could read otherwise`(text: String) {
        #expect(HTTPURL(text) == nil)
    }

    @Test(
        arguments: [
            ("https://other.example/x", "https://other.example/x"),
            ("//other.example/x", "https://other.example/x"),
            ("/x?y=1", "https://a.example/x?y=1"), ("x", "https://a.example/b/x"),
            ("./x/", "https://a.example/b/x/"), ("../x", "https://a.example/x"),
            ("../../../x", "https://a.example/x"), ("..", "https://a.example/"),
            ("?z", "https://a.example/b/c?z"), ("", "https://a.example/b/c?q"),
            ("#part", "https://a.example/b/c?q"), ("x?a=/../b", "https://a.example/b/x?a=/../b"),
        ] as [(String, String)]
    )
    func `follows a reference as RFC 3986 wants it`(reference: String, expected: String) throws {
        let base = try #require(HTTPURL("https://a.example/b/c?q"))
        #expect(base.following(reference)?.description == expected)
    }

    @Test(arguments: ["file:///etc/passwd", "gopher://a/", "javascript:1", "https://u@a/", "a b"])
    func `follows no reference to something else`(reference: String) throws {
        let base = try #require(HTTPURL("https://a.example/b/c?q"))
        #expect(base.following(reference) == nil)
    }

    @Test func `leads to a proxy unless an exception names the host`() throws {
        let proxy = try #require(
            OutboundProxy(
                "http://me:p%40ss@proxy.example:3128",
                except: "local.example, .corp,*.lab,10.0.0.0/8,192.168.1.1"
            )
        )
        for host in ["example.com", "notlocal.example", "corp.example", "11.0.0.1", "192.168.1.2"] {
            #expect(proxy.serves(host), "\(host)")
        }
        for host in [
            "local.example", "a.local.example", "x.corp", "y.lab", "10.2.3.4", "192.168.1.1",
        ] {
            #expect(!proxy.serves(host), "\(host)")
        }
        #expect(OutboundProxy("proxy:1", except: "*")?.serves("example.com") == false)
        let request = proxy.request(for: Origin(try #require(HTTPURL("https://[2606::1]/"))))
        #expect(
            String(decoding: request, as: UTF8.self)
                == "CONNECT [2606::1]:443 HTTP/1.1\r\nHost: [2606::1]:443\r\n"
                + "Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
        )
    }

    @Test(arguments: ["", "https://proxy:1", "socks5://proxy:1", "http://a@b@c", "http://p/path"])
    func `takes no proxy of another kind`(text: String) {
        #expect(OutboundProxy(text) == nil)
    }
}
