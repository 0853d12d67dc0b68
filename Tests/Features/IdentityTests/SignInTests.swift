import APIKit
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Identity

@Suite("Signing in")
struct SignInTests {
    @Test(
        arguments: [
            ("admin@acme.example", Site.password, nil, 200),
            (" Admin@ACME.example ", Site.password, nil, 200),
            ("admin@acme.example", Site.password, "Acme", 200),
            ("admin@acme.example", Site.password, "", 200),
            ("admin@acme.example", Site.password, "Globex", 401),
            ("admin@acme.example", Site.password, "Nobody", 401),
            ("admin@acme.example", "wrong", nil, 401),
            ("admin@acme.example", "Globex-pass-1", nil, 401),
            ("nobody@acme.example", Site.password, nil, 401),
            ("no address", Site.password, nil, 401),
        ] as [(String, String, String?, UInt16)]
    )
    func `takes the right password and says no more than no`(
        email: String,
        password: String,
        org: String?,
        status: UInt16
    ) async throws {
        let site = try Site()
        let answer = try await site.logIn(email, password, org: org)
        #expect(answer.status == status)
        // SECURITY 54: known or not, one check of one hash.
        #expect(site.hasher.verifications == 1)
        if status == 200 {
            #expect(answer.json["isMfa"]?.flag == false)
        } else {
            #expect(answer.code == "Unauthorized")
            #expect(
                answer.message
                    == "The e-mail address, the password or the organisation is wrong."
            )
            #expect(answer.header("WWW-Authenticate") != nil)
            #expect(answer.header("Set-Cookie") == nil)
        }
    }

    @Test func `an account that was switched off is refused like a wrong password`() async throws {
        let site = try Site()
        try site.run("UPDATE account SET is_active = 0")
        let answer = try await site.logIn()
        #expect(answer.status == 401)
        #expect(site.hasher.verifications == 1)
    }

    @Test func `the password decides between organisations that know one address`() async throws {
        let site = try Site(globexEmail: "admin@acme.example")
        let passwords = [(Site.password, site.acme), ("Globex-pass-1", site.globex)]
        for (index, (password, tenant)) in passwords.enumerated() {
            // How many organisations know an address must not be told by time.
            defer { #expect(site.hasher.verifications == index + 1) }
            let token =
                try await site.logIn("admin@acme.example", password)
                .json["Authorization"]?.text ?? ""
            let info = try await site.api.call(
                .get,
                "/v1/users/info",
                as: nil,
                headers: [("Authorization", token)]
            )
            #expect(info.json["tenantUid"]?.text == tenant.tenantUID)
        }
    }

    @Test(
        arguments: [
            ([:], ["/emailId Required", "/password Required"]),
            (["emailId": 1, "password": ["x"]], ["/emailId WrongType", "/password WrongType"]),
            (["emailId": "a@b.c", "password": "x", "org": 5], ["/org WrongType"]),
        ] as [(JSONValue, [String])]
    )
    func `a body that does not fit is told all its faults`(
        body: JSONValue,
        faults: [String]
    ) async throws {
        let site = try Site()
        let answer = try await site.api.call(
            .post,
            "/v1/auth/authenticate",
            as: nil,
            body: body
        )
        #expect(answer.status == 400)
        #expect(answer.faults == faults)
        #expect(site.hasher.verifications == 0)
    }

    @Test func `guessing is slowed down and then locked out`() async throws {
        let site = try Site()
        for _ in 0..<3 { #expect(try await site.logIn("admin@acme.example", "x").status == 401) }
        let refused = try await site.logIn("admin@acme.example", "x")
        #expect(refused.status == 429)
        #expect(refused.code == "TooManyRequests")
        #expect((1...2).contains(Int(refused.header("Retry-After") ?? "") ?? 0))
        #expect(site.hasher.verifications == 3)
        for _ in 0..<2 {
            site.clock.advance(seconds: 5)
            #expect(try await site.logIn("admin@acme.example", "x").status == 401)
        }
        let locked = try await site.logIn()
        #expect(locked.status == 429)
        #expect((900...990).contains(Int(locked.header("Retry-After") ?? "") ?? 0))
        site.clock.advance(seconds: 900)
        #expect(try await site.logIn().status == 200)
    }

    @Test func `an unknown account is throttled like a known one`() async throws {
        let site = try Site()
        for _ in 0..<3 { _ = try await site.logIn("nobody@acme.example", "x") }
        #expect(try await site.logIn("nobody@acme.example", "x").status == 429)
        #expect(try await site.logIn().status == 200)
    }

    @Test func `a full worker pool is no failed attempt`() async throws {
        let site = try Site(slowWork: FullWork())
        for _ in 0..<10 {
            let answer = try await site.logIn()
            #expect(answer.status == 503)
            #expect(answer.header("Retry-After") != nil)
        }
    }

    @Test func `leaves one audit row and no secret in it`() async throws {
        let site = try Site()
        var token = ""
        #expect(try await site.audited { token = try await site.token() } == ["create session"])
        #expect(
            try await site.audited { _ = try await site.logIn("admin@acme.example", "x") } == []
        )
        let texts = try site.auditTexts()
        #expect(!texts.contains(Site.password) && !texts.contains(token))
        #expect(!texts.contains(site.acme.apiKey))
    }

    @Test func `sessions that have ended are cleared away`() async throws {
        let site = try Site()
        for _ in 0..<5 { _ = try await site.token() }
        site.clock.advance(seconds: Sessions.sessionSeconds + 1)
        _ = try await site.token()
        let count = try site.database.read {
            try $0.first("SELECT COUNT(*) FROM session") { $0.int(0) }
        }
        #expect(count == 1)
    }
}

@Suite("Session tokens")
struct TokenTests {
    private func refresh(_ site: Site, _ token: String) async throws -> TestAnswer {
        try await site.api.call(.get, "/v1/auth/refresh/\(token)", as: nil)
    }

    private func claims(_ token: String) throws -> JSONValue {
        let parts = token.split(separator: ".")
        return try JSONParser.parse(try #require(Base64.decode(String(parts[1]), .url)))
    }

    @Test func `a token opens the API for fifteen minutes`() async throws {
        let site = try Site()
        let token = try await site.token()
        #expect(try await site.status(authorization: token) == 200)
        #expect(try await site.status(authorization: "Bearer \(token)") == 200)
        site.clock.advance(seconds: 899)
        #expect(try await site.status(authorization: token) == 200)
        site.clock.advance(seconds: 1)
        #expect(try await site.status(authorization: token) == 401)
        // CHK-1.7
        #expect(try await refresh(site, token).status == 401)
    }

    @Test func `a refresh keeps the session and writes nothing`() async throws {
        let site = try Site()
        let token = try await site.token()
        site.clock.advance(seconds: 800)
        var fresh = ""
        let rows = try await site.audited {
            let answer = try await refresh(site, token)
            #expect(answer.json["isMfa"]?.flag == false)
            fresh = answer.json["Authorization"]?.text ?? ""
        }
        #expect(rows == [])
        #expect(fresh != token)
        #expect(try claims(fresh)["sid"] == claims(token)["sid"])
        #expect(try claims(fresh)["jti"] != claims(token)["jti"])
        site.clock.advance(seconds: 800)
        #expect(try await site.status(authorization: token) == 401)
        #expect(try await site.status(authorization: fresh) == 200)
    }

    @Test func `a session ends after a day, however often it was refreshed`() async throws {
        let site = try Site()
        var token = try await site.token()
        var refreshes = 0
        while true {
            site.clock.advance(seconds: 600)
            let answer = try await refresh(site, token)
            guard answer.status == 200 else { break }
            token = answer.json["Authorization"]?.text ?? ""
            refreshes += 1
        }
        #expect(refreshes == 143)
        #expect(try await site.status(authorization: token) == 401)
    }

    @Test func `a token dies with its session, its account and its activity`() async throws {
        let changes: [SQL] = [
            "DELETE FROM session", "UPDATE account SET is_active = 0",
            "DELETE FROM account",
        ]
        for change in changes {
            let site = try Site()
            let token = try await site.token()
            try site.run(change)
            #expect(try await site.status(authorization: token) == 401)
            #expect(try await refresh(site, token).status == 401)
        }
    }

    // SECURITY 15
    @Test func `a forged token is refused`() async throws {
        let site = try Site()
        let token = try await site.token()
        let parts = token.split(separator: ".").map(String.init)
        let bytes = try ServerSecretStore.key(
            .tokenSigning,
            in: site.database,
            sealedUnder: site.sealingKey
        )
        let key = try #require(SignedTokenKey(bytes: bytes))
        let now = site.clock.now.seconds
        let good = SignedTokenClaims(
            issuer: "easel",
            subject: site.acme.userUID,
            tenant: site.acme.tenantUID,
            session: try claims(token)["sid"]?.text ?? "",
            audience: "easel-api",
            issuedAt: now,
            notBefore: now,
            expiresAt: now + 900,
            id: "x"
        )

        func header(_ text: String) -> String { Base64.encode(Array(text.utf8), .url) }
        /// A token signed with the right key under another header or with another payload.
        func signed(header: String, payload: String) -> String {
            let code = HMACSHA256(key: bytes).code(Array("\(header).\(payload)".utf8))
            return "\(header).\(payload).\(Base64.encode(code.bytes, .url))"
        }
        func changed(
            _ change: (inout SignedTokenClaims) -> Void
        ) throws -> String {
            var claims = good
            change(&claims)
            return try SignedTokenAuthority(issuer: "i", audience: "a", key: key).sign(claims)
        }
        func payload(_ change: (inout JSONObject) -> Void) throws -> String {
            var object = try #require(try claims(token).members)
            change(&object)
            return Base64.encode(object.jsonBytes(), .url)
        }

        #expect(try await site.status(authorization: try changed { _ in }) == 200)
        let forged: [String: String] = [
            "alg none": "\(header(#"{"alg":"none","typ":"JWT"}"#)).\(parts[1]).",
            "alg none, signature kept":
                "\(header(#"{"alg":"none","typ":"JWT"}"#)).\(parts[1]).\(parts[2])",
            "other alg": signed(
                header: header(#"{"alg":"HS512","kid":"\#(key.id)","typ":"JWT"}"#),
                payload: parts[1]
            ),
            "asymmetric alg": signed(
                header: header(#"{"alg":"RS256","kid":"\#(key.id)","typ":"JWT"}"#),
                payload: parts[1]
            ),
            "unknown kid": signed(
                header: header(#"{"alg":"HS256","kid":"other","typ":"JWT"}"#),
                payload: parts[1]
            ),
            "path in kid": signed(
                header: header(#"{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}"#),
                payload: parts[1]
            ),
            "no kid": signed(header: header(#"{"alg":"HS256","typ":"JWT"}"#), payload: parts[1]),
            "other key": try SignedTokenAuthority(
                issuer: "easel",
                audience: "easel-api",
                key: SignedTokenKey()
            ).sign(good),
            "no signature": "\(parts[0]).\(parts[1]).",
            "two parts": "\(parts[0]).\(parts[1])",
            "wrong issuer": try changed { $0.issuer = "elsewhere" },
            "wrong audience": try changed { $0.audience = "agents" },
            "no exp": signed(header: parts[0], payload: try payload { $0["exp"] = nil }),
            "exp as text": signed(header: parts[0], payload: try payload { $0["exp"] = "9999" }),
            "expired": try changed { $0.expiresAt = now },
            "far nbf": try changed { $0.notBefore = now + 3600 },
            "far iat": try changed { $0.issuedAt = now + 3600 },
            "unknown session": try changed { $0.session = site.acme.userUID },
            "other subject": try changed { $0.subject = site.globex.userUID },
            "other tenant": try changed { $0.tenant = site.globex.tenantUID },
            "null": "null", "undefined": "undefined", "dots": "..", "empty bearer": "Bearer ",
            "long": String(repeating: "a", count: 5000),
            "agent": "easel_agent_abc", "key prefix only": "easel_key_",
        ]
        for (name, token) in forged {
            #expect(try await site.status(authorization: token) == 401, "\(name)")
        }
        for (name, token) in forged where !token.contains(" ") {
            #expect(try await refresh(site, token).status == 401, "\(name)")
        }
    }
}
