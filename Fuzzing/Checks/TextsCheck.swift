import APIKit
import Appliances
import HTTPClient
import HTTPCore
import Primitives

extension FuzzCheck {
    /// Small texts, such as times, identifiers and escapes, come back when they are written.
    static let texts = FuzzCheck("texts") { bytes in
        for alphabet in [Base64.Alphabet.standard, .url] {
            try promise(
                Base64.decode(Base64.encode(bytes, alphabet), alphabet) == bytes,
                "base64 comes back"
            )
        }
        try promise(Hex.decode(Hex.encode(bytes)) == bytes, "hex digits come back")
        _ = PercentCoding.decode(bytes[...], plusIsSpace: true)
        _ = QueryString.value(of: "a", in: bytes[...])
        _ = EntityTag.list(bytes[...], matches: Array("\"a\"".utf8))
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        try promiseQuery(text, bytes)
        try promiseValues(text)
    }

    /// Any text can be a name or a value of a query.
    private static func promiseQuery(_ text: String, _ bytes: [UInt8]) throws {
        var escaped: [UInt8] = []
        for byte in bytes { escaped += Array("%\(Hex.encode([byte]))".utf8) }
        // Nothing that is stored can hold a NUL.
        let wanted = bytes.contains(0) ? nil : text
        try promise(
            PercentCoding.decode(escaped[...], plusIsSpace: false) == wanted,
            "escapes come back"
        )
        let query = Array("x=1&k=".utf8) + escaped + Array("&k=2".utf8)
        try promise(QueryString.value(of: "K", in: query[...]) == wanted, "a value is found")
    }

    private static func promiseValues(_ text: String) throws {
        if let time = Timestamp(rfc3339: text) {
            try promise(Timestamp(rfc3339: time.text) == time, "a time comes back")
            try promise(HTTPDate.text(time).utf8.count == 29, "a date has one form")
        }
        if let uid = UID(text) {
            try promise(UID(uid.text) == uid, "a UID comes back")
        }
        if let url = HTTPURL(text) {
            try promise(HTTPURL(url.description) == url, "a URL comes back")
        }
        if let id = ApplianceID(text) {
            try promise(id.text == text, "an ID is what was written")
        }
        for alphabet in [Base64.Alphabet.standard, .url] {
            guard let decoded = Base64.decode(text, alphabet) else { continue }
            let again = Base64.decode(Base64.encode(decoded, alphabet), alphabet)
            try promise(again == decoded, "decoded base64 comes back")
        }
    }
}
