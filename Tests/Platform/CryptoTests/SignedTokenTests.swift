import Crypto
import Primitives
import Testing

@Suite("Signed tokens")
struct SignedTokenTests {
    let key = SignedTokenKey()
    let now = Timestamp(seconds: 1_800_000_000)
    var authority: SignedTokenAuthority {
        SignedTokenAuthority(issuer: "https://easel.example", audience: "easel", key: key)
    }
    var claims: SignedTokenClaims {
        SignedTokenClaims(
            issuer: "https://easel.example",
            subject: "u1",
            tenant: "t1",
            session: "s1",
            audience: "easel",
            issuedAt: now.seconds,
            notBefore: now.seconds,
            expiresAt: now.seconds + 60,
            id: "j1"
        )
    }

    /// A token with a right signature over whatever stands before it.
    private func signed(header: String, payload: String) -> String {
        let text =
            Base64.encode(Array(header.utf8), .url) + "."
            + Base64.encode(Array(payload.utf8), .url)
        return text + "."
            + Base64.encode(HMACSHA256(key: key.bytes).code(Array(text.utf8)).bytes, .url)
    }

    private func refusal(_ token: String, at moment: Timestamp? = nil) -> SignedTokenRefusal? {
        do throws(SignedTokenRefusal) {
            _ = try authority.verify(token, at: moment ?? now)
            return nil
        } catch { return error }
    }

    @Test func `gives back the claims it was issued with`() throws {
        let token = try authority.issue(
            subject: "u1",
            tenant: "t1",
            session: "s1",
            id: "j1",
            at: now,
            lifetimeSeconds: 60
        )
        #expect(try authority.verify(token, at: now) == claims)
        #expect(token.split(separator: ".").count == 3)
    }

    @Test func `a token under a former key still counts, its key once gone does not`() throws {
        let token = try authority.sign(claims)
        let rotated = SignedTokenAuthority(
            issuer: claims.issuer,
            audience: "easel",
            key: SignedTokenKey(),
            formerKeys: [key]
        )
        #expect(try rotated.verify(token, at: now) == claims)
        let later = SignedTokenAuthority(
            issuer: claims.issuer,
            audience: "easel",
            key: SignedTokenKey()
        )
        #expect(throws: SignedTokenRefusal.foreignHeader) { try later.verify(token, at: now) }
    }

    @Test func `a stored key signs as before`() throws {
        let restored = try #require(SignedTokenKey(bytes: key.bytes))
        #expect(restored.id == key.id)
        #expect(SignedTokenKey(bytes: [1, 2]) == nil)
        let again = SignedTokenAuthority(issuer: claims.issuer, audience: "easel", key: restored)
        #expect(try again.verify(authority.sign(claims), at: now) == claims)
    }

    @Test func `refuses every header but its own`() throws {
        let parts = try authority.sign(claims).split(separator: ".")
        let payload = try #require(Base64.decode(String(parts[1]), .url))
        let text = String(decoding: payload, as: UTF8.self)
        for header in [
            #"{"alg":"none","kid":"\#(key.id)","typ":"JWT"}"#,
            #"{"alg":"none"}"#,
            #"{"alg":"HS256","typ":"JWT"}"#,
            #"{"alg":"HS256","kid":"0000000000000000","typ":"JWT"}"#,
            #"{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}"#,
            #"{"alg":"hs256","kid":"\#(key.id)","typ":"JWT"}"#,
            #"{"alg":"RS256","kid":"\#(key.id)","typ":"JWT"}"#,
            #"{"alg": "HS256","kid":"\#(key.id)","typ":"JWT"}"#,
            "",
        ] {
            #expect(refusal(signed(header: header, payload: text)) == .foreignHeader)
        }
        #expect(refusal("\(parts[0]).\(parts[1]).") == .wrongSignature)
    }

    @Test func `refuses a token that is changed anywhere`() throws {
        let token = Array(try authority.sign(claims).utf8)
        for index in token.indices {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : 0x41
            #expect(throws: SignedTokenRefusal.self) { try authority.verify(changed, at: now) }
        }
        let text = String(decoding: token, as: UTF8.self)
        #expect(refusal(text + "=") == .wrongSignature)
        #expect(refusal(text + "\n") == .wrongSignature)
    }

    @Test func `refuses payloads that we would not write, even well signed`() throws {
        let header = #"{"alg":"HS256","kid":"\#(key.id)","typ":"JWT"}"#
        let start = #"{"iss":"https://easel.example","sub":"u1","tenant":"t1","sid":"s1","#
        let good = start + #""aud":"easel","iat":1,"nbf":1,"exp":1900000000,"jti":"j"}"#
        #expect(refusal(signed(header: header, payload: good)) == nil)
        for payload in [
            start + #""aud":"easel","iat":1,"nbf":1,"jti":"j"}"#,
            start + #""aud":"easel","iat":1,"nbf":1,"exp":1e12,"jti":"j"}"#,
            start + #""aud":"easel","iat":1,"nbf":1,"exp":01900000000,"jti":"j"}"#,
            start + #""aud":"easel","iat":1,"nbf":1,"exp":99999999999999999999,"jti":"j"}"#,
            start + #""aud":["easel"],"iat":1,"nbf":1,"exp":1900000000,"jti":"j"}"#,
            good + " ", " " + good, good + good, "{}", "", "null",
        ] {
            #expect(refusal(signed(header: header, payload: payload)) == .malformed)
        }
    }

    @Test func `refuses another issuer, another audience, and times out of bounds`() throws {
        func refusal(_ change: (inout SignedTokenClaims) -> Void) throws -> SignedTokenRefusal? {
            var changed = claims
            change(&changed)
            return self.refusal(try authority.sign(changed))
        }
        #expect(try refusal { $0.issuer = "https://other.example" } == .wrongIssuer)
        #expect(try refusal { $0.audience = "agents" } == .wrongAudience)
        #expect(try refusal { $0.expiresAt = now.seconds } == .expired)
        #expect(try refusal { $0.notBefore = now.seconds + 61 } == .notYetValid)
        #expect(try refusal { $0.issuedAt = .max } == .notYetValid)
        #expect(try refusal { $0.notBefore = now.seconds + 60 } == nil)
    }

    @Test(arguments: ["", ".", "..", "...", "a.b", "a.b.c", String(repeating: "x", count: 5000)])
    func `refuses what is no token`(text: String) {
        #expect(refusal(text) != nil)
    }

    @Test func `does not sign claims that would need escaping`() {
        for subject in ["a\"b", "a\\b", "a\nb", "ä", String(repeating: "x", count: 257)] {
            var changed = claims
            changed.subject = subject
            #expect(throws: SignedTokenRefusal.unwritableClaim) { try authority.sign(changed) }
        }
    }
}
