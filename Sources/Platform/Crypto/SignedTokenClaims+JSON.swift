// The one JSON text that a token of ours holds. Written in a fixed order and read back in exactly
// that form, so there is no second way to spell a token and no general parser behind the door.

extension SignedTokenClaims {
    private static let textBytesMax = 256

    /// The claims as JSON; nil when a text would need escaping or is too long.
    func json() -> [UInt8]? {
        var text = Array("{".utf8)
        for (name, value) in [
            ("iss", issuer), ("sub", subject), ("tenant", tenant), ("sid", session),
            ("aud", audience),
        ] {
            guard SignedTokenClaims.isPlain(value) else { return nil }
            text += #""\#(name)":"\#(value)","#.utf8
        }
        guard SignedTokenClaims.isPlain(id) else { return nil }
        text += #""iat":\#(issuedAt),"nbf":\#(notBefore),"exp":\#(expiresAt),"jti":"\#(id)"}"#.utf8
        return text
    }

    /// Reads exactly what `json()` writes.
    init?(json: [UInt8]) {
        var reader = ClaimReader(bytes: json[...])
        guard reader.take("{"),
            let issuer = reader.text("iss"), reader.take(","),
            let subject = reader.text("sub"), reader.take(","),
            let tenant = reader.text("tenant"), reader.take(","),
            let session = reader.text("sid"), reader.take(","),
            let audience = reader.text("aud"), reader.take(","),
            let issuedAt = reader.number("iat"), reader.take(","),
            let notBefore = reader.number("nbf"), reader.take(","),
            let expiresAt = reader.number("exp"), reader.take(","),
            let id = reader.text("jti"), reader.take("}"), reader.bytes.isEmpty
        else { return nil }
        self.init(
            issuer: issuer,
            subject: subject,
            tenant: tenant,
            session: session,
            audience: audience,
            issuedAt: issuedAt,
            notBefore: notBefore,
            expiresAt: expiresAt,
            id: id
        )
    }

    fileprivate static func isPlain(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= textBytesMax
            && text.utf8.allSatisfy {
                (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
    }
}

private struct ClaimReader {
    var bytes: ArraySlice<UInt8>

    mutating func take(_ text: String) -> Bool {
        guard bytes.starts(with: text.utf8) else { return false }
        bytes.removeFirst(text.utf8.count)
        return true
    }

    mutating func text(_ name: String) -> String? {
        guard take(#""\#(name)":""#), let end = bytes.firstIndex(of: UInt8(ascii: "\"")) else {
            return nil
        }
        let value = String(decoding: bytes[..<end], as: UTF8.self)
        bytes = bytes[(end + 1)...]
        return SignedTokenClaims.isPlain(value) ? value : nil
    }

    mutating func number(_ name: String) -> Int64? {
        guard take(#""\#(name)":"#) else { return nil }
        let digits = bytes.prefix { $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) }
        bytes = bytes[digits.endIndex...]
        let text = String(decoding: digits, as: UTF8.self)
        // One spelling: no leading zeros, no minus zero.
        guard let value = Int64(text), String(value) == text else { return nil }
        return value
    }
}
