/// Takes secrets out of YAML texts that are shown to compare them, line by line.
///
/// It goes by the names of keys, so it finds what is named as a secret, the values of Kubernetes
/// Secrets, and private keys. A text with template braces is no YAML yet, and is read all the same.
enum SecretMask {
    static let mask = "********"

    private static let words = [
        "password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "accesskey",
        "privatekey", "credential",
    ]
    /// What a key ends with that names a secret and holds none.
    private static let harmlessEnds = ["name", "ref", "names", "refs", "namespace"]

    /// The lines, as many as there were, without what is secret in them.
    static func masked(_ lines: [Substring]) -> [String] {
        var result: [String] = []
        result.reserveCapacity(lines.count)
        // The indent of a masked key: what is indented more belongs to its value.
        var hidden: Int?
        var isPrivateKey = false
        var secretData = SecretData(lines)
        for line in lines {
            let indent = line.prefix { $0 == " " }.count
            let isData = secretData.holds(line, indent: indent)
            if let key = hidden, indent > key || line.allSatisfy({ $0 == " " }) {
                result.append(blank(line, indent: indent))
                continue
            }
            hidden = nil
            if line.contains("PRIVATE KEY-----") {
                isPrivateKey = line.contains("-----BEGIN")
                result.append(blank(line, indent: indent))
                continue
            }
            if isPrivateKey {
                result.append(blank(line, indent: indent))
                continue
            }
            guard let shown = maskedValue(line, isSecret: isData) else {
                result.append(String(line))
                continue
            }
            hidden = keyIndent(line)
            result.append(shown)
        }
        return result
    }

    private static func blank(_ line: Substring, indent: Int) -> String {
        line.allSatisfy { $0 == " " } ? String(line) : String(repeating: " ", count: indent) + mask
    }

    /// Where the key of a line begins, behind the dashes of a list.
    private static func keyIndent(_ line: Substring) -> Int {
        line.prefix { $0 == " " || $0 == "-" }.count
    }

    /// The line with its value masked; nil when it has none that is secret.
    private static func maskedValue(_ line: Substring, isSecret: Bool) -> String? {
        let body = line.drop { $0 == " " || $0 == "-" }
        guard !body.hasPrefix("#"), let colon = body.firstIndex(of: ":") else { return nil }
        if let brace = line.firstIndex(of: "{"), !line.contains("{{") {
            // A mapping in braces may hold several: one that is secret hides all of it.
            let inner = line[brace...].split { "{,}".contains($0) }
            let isHidden = inner.contains { part in
                part.firstIndex(of: ":").map { namesSecret(part[..<$0]) } ?? false
            }
            if isHidden || isSecret { return line[..<brace] + mask }
        }
        guard isSecret || namesSecret(body[..<colon]) else { return nil }
        let value = body[body.index(after: colon)...].drop { $0 == " " }
        // A key without a value holds others; a macro only names where the secret is.
        guard !value.isEmpty, !value.hasPrefix("#"), !value.contains("{{") else { return nil }
        return "\(line[...colon]) \(mask)"
    }

    private static func namesSecret(_ key: Substring) -> Bool {
        let name = key.lowercased().filter { $0.isLetter || $0.isNumber }
        return words.contains { name.contains($0) }
            && !harmlessEnds.contains { name.hasSuffix($0) }
    }

    /// Follows where the values of Kubernetes Secrets stand.
    private struct SecretData {
        /// For each document whether it is a Secret.
        private var documents: [Bool]
        private var document = 0
        private var isInData = false

        init(_ lines: [Substring]) {
            documents = [false]
            for line in lines {
                if line.hasPrefix("---") { documents.append(false) }
                let kind = line.filter { $0 != " " && $0 != "\"" && $0 != "'" }
                if line.hasPrefix("kind"), kind == "kind:Secret" {
                    documents[documents.count - 1] = true
                }
            }
        }

        mutating func holds(_ line: Substring, indent: Int) -> Bool {
            if line.hasPrefix("---") {
                document += 1
                isInData = false
                return false
            }
            guard documents[document] else { return false }
            if indent == 0, !line.isEmpty {
                isInData = line.hasPrefix("data:") || line.hasPrefix("stringData:")
                return isInData && line.contains("{")
            }
            return isInData
        }
    }
}
