import APIKit
import HTTPCore
import Primitives
import TestSupport
import Testing

@Suite("Limits of calls") struct CallLimitTests {
    private static let one = RateLimit(burst: 3, every: .seconds(10))

    private static func api(_ limits: CallLimits, appliances: Int = 2) -> TestDispatcher {
        var principals: [String: Principal] = [
            "admin": .tenantAdmin("u1", of: "t1"), "other-admin": .tenantAdmin("u2", of: "t2"),
        ]
        for number in 0..<appliances {
            principals["device-\(number)"] = .appliance(
                FakeAppliance(uid: "d\(number)", tenantUID: "t1")
            )
        }
        return TestDispatcher(
            [
                probe(.get, "/v1/thing", "get"),
                probe(.get, "/v1/devices/{uid}", "poll", access: .appliance),
                probe(.get, "/v1/login", "login", access: .open).checkingSecrets(),
                probe(.get, "/v1/pair", "pair", access: .open)
                    .checkingSecrets(isRegistration: true),
                probe(.get, "/v1/open", "open", access: .open),
            ],
            authenticator: FakeAuthenticator(principals: principals),
            limits: limits
        )
    }

    @Test func `a person is told what is left, and refused when nothing is`() async throws {
        let limits = CallLimits(caller: Self.one)
        let api = Self.api(limits)
        let first = try await api.call(.get, "/v1/thing")
        #expect(first.header("RateLimit-Policy") == "\"caller\";q=3;w=30")
        #expect(first.header("RateLimit") == "\"caller\";r=2;t=10")
        for _ in 0..<2 { #expect(try await api.call(.get, "/v1/thing").status == 200) }
        let refused = try await api.call(.get, "/v1/thing")
        #expect(refused.status == 429 && refused.code == "TooManyRequests")
        let wait = try #require(refused.header("Retry-After").flatMap { Int($0) })
        #expect((10...30).contains(wait))
        #expect(refused.header("RateLimit") == "\"caller\";r=0;t=\(wait)")
        #expect(refused.header("RateLimit-Policy") == "\"caller\";q=3;w=30")
        #expect(try await api.call(.get, "/v1/thing", as: "other-admin").status == 200)
        #expect(limits.rejections[.callerRate] == 1)
    }

    @Test func `an appliance has a budget of its own, and its polls say nothing of it`()
        async throws
    {
        let limits = CallLimits(appliance: Self.one)
        let api = Self.api(limits)
        for _ in 0..<3 {
            let answer = try await api.call(.get, "/v1/devices/d0", as: "device-0")
            #expect(answer.status == 200 && answer.header("RateLimit") == nil)
        }
        let refused = try await api.call(.get, "/v1/devices/d0", as: "device-0")
        #expect(refused.status == 429 && refused.header("Retry-After") != nil)
        #expect(try await api.call(.get, "/v1/devices/d1", as: "device-1").status == 200)
        #expect(limits.rejections[.applianceRate] == 1)
    }

    @Test func `wrong credentials use up an address, and right ones are served from it`()
        async throws
    {
        let limits = CallLimits(failures: Self.one)
        let api = Self.api(limits)
        var statuses: [UInt16] = []
        for _ in 0..<5 {
            statuses.append(try await api.call(.get, "/v1/thing", as: "guess").status)
        }
        #expect(statuses == [401, 401, 401, 429, 429])
        #expect(try await api.call(.get, "/v1/thing").status == 200)
        #expect(try await api.call(.get, "/v1/devices/d0", as: "device-0").status == 200)
        #expect(try await api.call(.get, "/v1/open", as: nil).status == 200)
        let elsewhere = try await api.call(.get, "/v1/thing", as: "guess", peer: "192.0.2.9")
        #expect(elsewhere.status == 401)
        #expect(limits.rejections[.failureRate] == 2)
    }

    @Test func `a secret is not looked at when its address was wrong too often`() async throws {
        let api = Self.api(CallLimits(failures: Self.one))
        #expect(try await api.call(.get, "/v1/login", as: nil).status == 200)
        for _ in 0..<3 { _ = try await api.call(.get, "/v1/thing", as: "guess") }
        #expect(try await api.call(.get, "/v1/login", as: nil).status == 429)
        #expect(try await api.call(.get, "/v1/login", as: nil, peer: "192.0.2.9").status == 200)
    }

    @Test func `one IPv6 network is one address`() async throws {
        let api = Self.api(CallLimits(failures: Self.one))
        for last in 1...3 {
            let peer = "2001:db8:0:1::\(last)"
            #expect(try await api.call(.get, "/v1/thing", as: "guess", peer: peer).status == 401)
        }
        func status(_ peer: String) async throws -> UInt16 {
            try await api.call(.get, "/v1/thing", as: "guess", peer: peer).status
        }
        #expect(try await status("2001:db8:0:1:9::") == 429)
        #expect(try await status("2001:db8:0:2::1") == 401)
    }

    @Test func `registrations have a limit of their own`() async throws {
        let limits = CallLimits(registrations: Self.one)
        let api = Self.api(limits)
        var statuses: [UInt16] = []
        for _ in 0..<4 { statuses.append(try await api.call(.get, "/v1/pair", as: nil).status) }
        #expect(statuses == [200, 200, 200, 429])
        #expect(try await api.call(.get, "/v1/login", as: nil).status == 200)
        #expect(limits.rejections[.registrationRate] == 1)
    }

    @Test func `two thousand appliances behind one address are no attack`() async throws {
        let limits = CallLimits(
            appliance: Self.one,
            caller: Self.one,
            failures: Self.one,
            registrations: Self.one
        )
        let api = Self.api(limits, appliances: 2000)
        // One of their neighbours is.
        for _ in 0..<10 { _ = try await api.call(.get, "/v1/thing", as: "guess") }
        for round in 0..<3 {
            for number in 0..<2000 {
                let answer = try await api.call(
                    .get,
                    "/v1/devices/d\(number)",
                    as: "device-\(number)"
                )
                try #require(answer.status == 200, "appliance \(number), round \(round)")
            }
        }
        #expect(limits.rejections[.applianceRate] == 0)
    }

    @Test func `a herd that was refused at one moment does not come back at one`() async throws {
        let once = RateLimit(burst: 1, every: .seconds(1))
        let api = Self.api(CallLimits(appliance: once), appliances: 1000)
        var bySecond: [Int: Int] = [:]
        for number in 0..<1000 {
            let path = "/v1/devices/d\(number)"
            _ = try await api.call(.get, path, as: "device-\(number)")
            let refused = try await api.call(.get, path, as: "device-\(number)")
            let wait = try #require(refused.header("Retry-After").flatMap { Int($0) })
            bySecond[wait, default: 0] += 1
        }
        // Sixteen seconds with about 62 each; one with 200 is no accident.
        #expect(bySecond.count >= 10, "\(bySecond)")
        #expect(bySecond.values.allSatisfy { $0 < 200 }, "\(bySecond)")
    }

    @Test func `without limits nothing is said and nothing refused`() async throws {
        let api = Self.api(CallLimits())
        for _ in 0..<50 {
            let answer = try await api.call(.get, "/v1/thing")
            #expect(answer.status == 200 && answer.header("RateLimit") == nil)
            #expect(try await api.call(.get, "/v1/thing", as: "guess").status == 401)
        }
    }
}

@Suite("Proxies") struct TrustedProxyTests {
    private static func seen(
        _ peer: String,
        _ headers: [(String, String)],
        trusting networks: [String],
        field: TrustedProxies.Field = .xForwardedFor
    ) async throws -> String {
        let limits = CallLimits(
            proxies: TrustedProxies(try networks.map { try #require(IPNetwork($0)) }, field: field)
        )
        let echo = Endpoint(
            .get,
            "/v1/echo",
            id: "echo",
            tag: "things",
            summary: "Shows who calls.",
            access: .open,
            outputContentType: .plainText
        ) { context in
            Response(
                status: 200,
                contentType: .plainText,
                body: Array(context.request.peerAddress.utf8)
            )
        }
        let api = TestDispatcher([echo], limits: limits)
        return try await api.call(.get, "/v1/echo", as: nil, headers: headers, peer: peer).text
    }

    @Test(arguments: [
        // The peer is no proxy of ours: whatever it says, it called.
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        // The client wrote the left part itself.
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        // What is no address ends the search at the proxy that passed it on.
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, garbage, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"), ("10.0.0.1", ",", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1,", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ])
    func `tell the right-most hop that is none of them`(
        _ peer: String,
        _ value: String,
        _ client: String
    ) async throws {
        let headers = [("X-Forwarded-For", value)]
        #expect(try await Self.seen(peer, headers, trusting: ["10.0.0.0/8"]) == client)
    }

    @Test(arguments: [
        ("for=198.51.100.1", "198.51.100.1"),
        ("for=1.1.1.1, For=\"198.51.100.1:80\";proto=https", "198.51.100.1"),
        ("for=1.1.1.1, proto=https;for=\"[2001:db8::1]:4711\";by=10.0.0.9", "2001:db8::1"),
        // A quote that the client left open hides nothing.
        ("for=\"1.1.1.1, for=198.51.100.1", "198.51.100.1"),
        ("for=1.1.1.1, for=_hidden", "10.0.0.1"), ("proto=https", "10.0.0.1"), ("", "10.0.0.1"),
    ])
    func `tell it in the field of RFC 7239 too`(_ value: String, _ client: String) async throws {
        let headers = [("Forwarded", value), ("X-Forwarded-For", "1.2.3.4")]
        let seen = try await Self.seen(
            "10.0.0.1",
            headers,
            trusting: ["10.0.0.0/8"],
            field: .forwarded
        )
        #expect(seen == client)
    }

    @Test func `several fields are one list, and the other field counts for nothing`()
        async throws
    {
        let headers = [
            ("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "198.51.100.1"),
            ("X-Forwarded-For", "10.0.0.2"), ("Forwarded", "for=1.2.3.4"),
            ("X-Real-IP", "1.2.3.5"),
        ]
        let seen = try await Self.seen("10.0.0.1", headers, trusting: ["10.0.0.0/8"])
        #expect(seen == "198.51.100.1")
    }

    @Test func `none is trusted unless it is named`() async throws {
        let headers = [("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=1.2.3.4")]
        #expect(try await Self.seen("127.0.0.1", headers, trusting: []) == "127.0.0.1")
    }

    @Test func `a made-up hop does not dodge a limit`() async throws {
        let limits = CallLimits(failures: RateLimit(burst: 2, every: .seconds(60)))
        let api = TestDispatcher([probe(.get, "/v1/thing", "get")], limits: limits)
        var statuses: [UInt16] = []
        for number in 0..<4 {
            let headers = [("X-Forwarded-For", "198.51.100.\(number)")]
            statuses.append(
                try await api.call(.get, "/v1/thing", as: "guess", headers: headers).status
            )
        }
        #expect(statuses == [401, 401, 429, 429])
    }
}

@Suite("Pages of other sites") struct CrossSiteTests {
    private static let fields = [
        ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "ApiKey"), ("Cookie", "session=1"),
    ]

    @Test func `are not allowed to read or to send anything`() async throws {
        let api = TestDispatcher([probe(.get, "/v1/thing", "get")])
        for method in [HTTPMethod.options, .get] {
            let answer = try await api.call(method, "/v1/thing", headers: Self.fields)
            #expect([200, 204].contains(answer.status))
            for field in answer.response.fields {
                #expect(!field.name.lowercased().hasPrefix("access-control"))
                #expect(field.name.lowercased() != "set-cookie")
            }
        }
    }

    @Test func `a cookie is no credential`() async throws {
        let api = TestDispatcher([probe(.get, "/v1/thing", "get")])
        let cookie = [("Cookie", "ApiKey=admin; Authorization=admin")]
        #expect(try await api.call(.get, "/v1/thing", as: nil, headers: cookie).status == 401)
    }
}
