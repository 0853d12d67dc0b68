import Primitives

/// What a session token says (RFC 7519 §4.1); times are whole seconds since 1970.
///
/// Texts are at most 256 bytes of printable ASCII without quotation marks and backslashes.
package struct SignedTokenClaims: Hashable, Sendable {
    /// Who made the token: `iss`.
    package var issuer: String
    /// The user: `sub`.
    package var subject: String
    /// The user's tenant: `tenant`.
    package var tenant: String
    /// The session that the token belongs to: `sid`.
    package var session: String
    /// Whom the token is for: `aud`.
    package var audience: String
    /// `iat`, in seconds.
    package var issuedAt: Int64
    /// `nbf`, in seconds.
    package var notBefore: Int64
    /// `exp`, in seconds; the token is refused from this second on.
    package var expiresAt: Int64
    /// The token's own name: `jti`.
    package var id: String

    /// Takes the claims as they are.
    package init(
        issuer: String,
        subject: String,
        tenant: String,
        session: String,
        audience: String,
        issuedAt: Int64,
        notBefore: Int64,
        expiresAt: Int64,
        id: String
    ) {
        self.issuer = issuer
        self.subject = subject
        self.tenant = tenant
        self.session = session
        self.audience = audience
        self.issuedAt = issuedAt
        self.notBefore = notBefore
        self.expiresAt = expiresAt
        self.id = id
    }
}

/// Why a token is refused; for the log, never for the client.
package enum SignedTokenRefusal: Error, Hashable, Sendable {
    /// It has not the form of our tokens.
    case malformed
    /// Its header names another algorithm, another key, or anything else that we do not write.
    case foreignHeader
    /// Its signature is not ours.
    case wrongSignature
    /// Its `iss` is another server.
    case wrongIssuer
    /// Its `aud` is somebody else.
    case wrongAudience
    /// It has expired.
    case expired
    /// Its `nbf` or `iat` lies in the future.
    case notYetValid
    /// A claim that is to be signed holds characters that claims may not hold, or is too long.
    case unwritableClaim
}

/// A key that signs session tokens: 32 random bytes, stored sealed by the caller.
package struct SignedTokenKey: Sendable {
    /// How many bytes a key has.
    package static let byteCount = 32

    /// The key itself.
    package let bytes: [UInt8]
    /// The key's name in token headers, 16 hex digits, computed from the key.
    package let id: String

    /// The whole first segment of every token under this key.
    let header: [UInt8]
    let mac: HMACSHA256

    /// A fresh random key.
    package init() { self.init(unchecked: RandomBytes.make(SignedTokenKey.byteCount)) }

    /// The key with these 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == SignedTokenKey.byteCount else { return nil }
        self.init(unchecked: bytes)
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
        mac = HMACSHA256(key: bytes)
        id = String(mac.code(Array("easel token key".utf8)).hex.prefix(16))
        let text = #"{"alg":"HS256","kid":"\#(id)","typ":"JWT"}"#
        header = Array(Base64.encode(Array(text.utf8), .url).utf8)
    }
}

/// Signs and checks the session tokens of one server: compact JWTs (RFC 7519, RFC 8725) of a
/// single shape.
///
/// A token's header is not interpreted but compared with the one that we write, so no algorithm
/// and no key can be chosen by whoever presents it; the claims are read only once the signature
/// has proved that we wrote them.
package struct SignedTokenAuthority: Sendable {
    /// The longest token that is looked at.
    package static let tokenBytesMax = 4096
    /// How far another clock of ours may be ahead.
    package static let clockSkewSecondsMax: Int64 = 60

    private let issuer: String
    private let audience: String
    private let keys: [SignedTokenKey]

    /// - Parameter keys: the signing key first, then former ones whose tokens still count.
    package init(
        issuer: String,
        audience: String,
        key: SignedTokenKey,
        formerKeys: [SignedTokenKey] = []
    ) {
        self.issuer = issuer
        self.audience = audience
        keys = [key] + formerKeys
    }

    /// Makes a token for a user's session.
    ///
    /// - Throws: `.unwritableClaim` when a text cannot stand in a claim.
    package func issue(
        subject: String,
        tenant: String,
        session: String,
        id: String,
        at now: Timestamp,
        lifetimeSeconds: Int64
    ) throws(SignedTokenRefusal) -> String {
        let issuedAt = now.seconds
        return try sign(
            SignedTokenClaims(
                issuer: issuer,
                subject: subject,
                tenant: tenant,
                session: session,
                audience: audience,
                issuedAt: issuedAt,
                notBefore: issuedAt,
                expiresAt: now.adding(seconds: lifetimeSeconds).seconds,
                id: id
            )
        )
    }

    /// Signs claims as they are.
    package func sign(_ claims: SignedTokenClaims) throws(SignedTokenRefusal) -> String {
        guard let text = claims.json() else { throw .unwritableClaim }
        var token = keys[0].header
        token.append(UInt8(ascii: "."))
        token += Base64.encode(text, .url).utf8
        let signature = keys[0].mac.code(token)
        token.append(UInt8(ascii: "."))
        token += Base64.encode(signature.bytes, .url).utf8
        return String(decoding: token, as: UTF8.self)
    }

    /// The claims of a token that is ours, is meant for us, and is valid now.
    package func verify(
        _ token: String,
        at now: Timestamp
    ) throws(SignedTokenRefusal) -> SignedTokenClaims {
        try verify(Array(token.utf8), at: now)
    }

    /// The claims of a token that is ours, is meant for us, and is valid now.
    package func verify(
        _ token: [UInt8],
        at now: Timestamp
    ) throws(SignedTokenRefusal) -> SignedTokenClaims {
        let dot = UInt8(ascii: ".")
        guard token.count <= SignedTokenAuthority.tokenBytesMax,
            let first = token.firstIndex(of: dot), let last = token.lastIndex(of: dot), first < last
        else { throw .malformed }
        guard let key = keys.first(where: { token[..<first].elementsEqual($0.header) }) else {
            throw .foreignHeader
        }
        // Comparing the signature's text instead of its bytes leaves it a single spelling.
        let expected = Base64.encode(key.mac.code(Array(token[..<last])).bytes, .url)
        guard constantTimeEqual(Array(token[(last + 1)...]), Array(expected.utf8)) else {
            throw .wrongSignature
        }
        let payload = token[(first + 1)..<last]
        guard !payload.contains(UInt8(ascii: "=")),
            let text = Base64.decode(Array(payload).span, .url),
            let claims = SignedTokenClaims(json: text)
        else { throw .malformed }
        try check(claims, at: now.seconds)
        return claims
    }

    private func check(
        _ claims: SignedTokenClaims,
        at now: Int64
    ) throws(SignedTokenRefusal) {
        guard claims.issuer == issuer else { throw .wrongIssuer }
        guard claims.audience == audience else { throw .wrongAudience }
        guard now < claims.expiresAt else { throw .expired }
        let latest = now.addingReportingOverflow(SignedTokenAuthority.clockSkewSecondsMax)
        guard !latest.overflow,
            claims.notBefore <= latest.partialValue, claims.issuedAt <= latest.partialValue
        else { throw .notYetValid }
    }
}
