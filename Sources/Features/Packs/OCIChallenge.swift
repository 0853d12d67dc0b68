/// What a registry wants as proof of who asks: a field `WWW-Authenticate` (RFC 9110 §11.6.1).
enum OCIChallenge: Sendable, Equatable {
    case basic
    /// A token of the service at `realm` (the distribution project's token specification).
    case bearer(realm: String, service: String, scope: String)

    /// Nil for a scheme that is not known.
    init?(_ field: String) {
        let scheme = field.prefix { $0 != " " }.lowercased()
        guard scheme == "bearer" else {
            guard scheme == "basic" else { return nil }
            self = .basic
            return
        }
        let parameters = Self.parameters(field.dropFirst(scheme.count))
        guard let realm = parameters["realm"], !realm.isEmpty else { return nil }
        self = .bearer(
            realm: realm,
            service: parameters["service"] ?? "",
            scope: parameters["scope"] ?? ""
        )
    }

    /// `name=value` or `name="value"`, separated by commas; what is malformed ends the list.
    private static func parameters(_ text: Substring) -> [String: String] {
        var rest = text
        var found: [String: String] = [:]
        while true {
            rest = rest.drop { $0 == " " || $0 == "," }
            let name = rest.prefix { $0 != "=" && $0 != "," && $0 != " " }
            rest = rest[name.endIndex...]
            guard !name.isEmpty, rest.popFirst() == "=" else { return found }
            var value = ""
            if rest.first == "\"" {
                rest.removeFirst()
                while let next = rest.popFirst(), next != "\"" {
                    guard next == "\\" else {
                        value.append(next)
                        continue
                    }
                    guard let escaped = rest.popFirst() else { return found }
                    value.append(escaped)
                }
            } else {
                let token = rest.prefix { $0 != "," && $0 != " " }
                rest = rest[token.endIndex...]
                value = String(token)
            }
            found[name.lowercased()] = value
        }
    }
}
