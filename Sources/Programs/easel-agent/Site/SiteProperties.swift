import Crypto
import Glibc
import YAML

/// What `unattended.yaml` says about one site.
struct SiteProperties: Sendable, Hashable {
    static let fileName = "unattended.yaml"
    static let bytesMax = 1 << 20

    /// Something in the file that cannot be used, with its place.
    struct Mistake: Sendable, Hashable, CustomStringConvertible {
        let line: Int
        let column: Int
        let reason: String

        var description: String { "line \(line), column \(column): \(reason)" }
    }

    /// All that is wrong with the file.
    struct Mistakes: Error, Sendable, Hashable {
        let all: [Mistake]
    }

    /// The ID under which the appliance is registered; nil when the file does not name one.
    var deviceID: String?
    /// Where the server is, when the site says so: a URL without a path.
    var endpoint: String?
    /// Proves once who a registered appliance is.
    var pairingKey: String?
    /// Admits an appliance that nobody registered.
    var registrationToken: String?
    /// Whether the appliance has a key of its own, and shows a certificate for it.
    var hasOwnKey = false
    /// PEM of the only key that may have signed the archive, when the site says so.
    var archiveKey: String?
    /// The proxy for `https` that the site has, if any, and what goes past it.
    var httpsProxy: String?
    var httpProxy: String?
    var noProxy: [String] = []
    /// What templates may use: every key of the file but the secrets, inner keys joined by dots.
    var values: [String: SiteValue] = [:]

    /// Changes when a template could give something else.
    var digest: String {
        var hasher = SHA256Hasher()
        for key in values.keys.sorted() {
            guard case .text(let text)? = values[key] else { continue }
            hasher.update("\(key.utf8.count):\(key)=\(text.utf8.count):\(text);")
        }
        return hasher.finish().hex
    }

    /// Reads the file's bytes.
    ///
    /// - Throws: every mistake at once; of a text that is no YAML the first.
    init(yaml bytes: [UInt8]) throws(Mistakes) {
        let root: YAMLNode?
        do throws(YAMLError) {
            root = try YAML.parseSingle(bytes, limits: YAMLLimits(bytesMax: Self.bytesMax))
        } catch {
            throw Mistakes(all: [
                Mistake(line: error.line, column: error.column, reason: error.reason)
            ])
        }
        guard let root else { return }
        guard root.pairs != nil else {
            throw Mistakes(all: [
                Mistake(
                    line: root.start.line,
                    column: root.start.column,
                    reason: "The file must hold keys with values, such as device_id: device-153."
                )
            ])
        }
        var reader = SiteReader(root: root)
        deviceID = reader.single("device_id", SiteRules.deviceID)
        endpoint = reader.single("paletteEndpoint", SiteRules.endpoint)
            .map(SiteRules.withScheme)
        pairingKey = reader.single("pairingKey", SiteRules.secret)
        registrationToken = reader.single("edgeHostToken", SiteRules.secret)
        hasOwnKey = reader.single("ownKey", SiteRules.flag) == "true"
        archiveKey = reader.single("archiveKey", SiteRules.publicKey)
            .flatMap { try? VerifyingKey(pem: Array($0.utf8)).pem }
        httpProxy = reader.single("proxy", "httpProxy", SiteRules.proxy)
        httpsProxy = reader.single("proxy", "httpsProxy", SiteRules.proxy)
        noProxy = (reader.single("proxy", "noProxy", SiteRules.anything) ?? "")
            .split(separator: ",").map { String($0.filter { $0 != " " }) }
        reader.check("lanIP", SiteRules.address)
        reader.check("wanIP", SiteRules.address)
        reader.checkRange("dhcp")
        reader.check("mode", SiteRules.mode)
        values = reader.values(without: ["pairingKey", "edgeHostToken"])
        guard reader.mistakes.isEmpty else {
            throw Mistakes(
                all: reader.mistakes.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
            )
        }
    }
}

/// Takes the known keys out of the file and collects what is wrong with them.
private struct SiteReader {
    let root: YAMLNode
    var mistakes: [SiteProperties.Mistake] = []

    init(root: YAMLNode) { self.root = root }

    typealias Rule = (String) -> String?

    /// The text of a key; nil when it is missing, empty where that is allowed, or wrong.
    mutating func single(_ key: String, _ rule: Rule) -> String? {
        single(root[key], key, rule)
    }

    mutating func single(_ outer: String, _ key: String, _ rule: Rule) -> String? {
        guard let mapping = root[outer], !mapping.isNull else { return nil }
        guard mapping.pairs != nil else {
            fault(mapping, "'\(outer)' must hold keys with values.")
            return nil
        }
        return single(mapping[key], "\(outer).\(key)", rule)
    }

    mutating func check(_ key: String, _ rule: Rule) { _ = single(key, rule) }

    mutating func checkRange(_ key: String) {
        guard let mapping = root[key], !mapping.isNull else { return }
        let start = single(key, "rangeStart", SiteRules.address)
        let end = single(key, "rangeEnd", SiteRules.address)
        guard mapping.pairs != nil else { return }
        if (start == nil) != (end == nil),
            (mapping["rangeStart"] == nil) != (mapping["rangeEnd"] == nil)
        {
            fault(mapping, "'\(key)' needs rangeStart and rangeEnd, or neither.")
        }
        if let start, let end, let first = SiteRules.number(start),
            let last = SiteRules.number(end), first > last
        {
            fault(mapping["rangeStart"] ?? mapping, "The range of '\(key)' ends before it begins.")
        }
    }

    /// Every single value of the file under its path.
    mutating func values(without secrets: Set<String>) -> [String: SiteValue] {
        var values: [String: SiteValue] = [:]
        for pair in root.pairs ?? [] {
            guard let key = pair.key.text, !secrets.contains(key) else { continue }
            collect(pair.value, key, into: &values)
        }
        return values
    }

    private mutating func collect(
        _ node: YAMLNode,
        _ path: String,
        into values: inout [String: SiteValue]
    ) {
        if let text = node.text {
            guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                // Such a value would change the shape of what it is put into.
                values[path] = .collection
                return
            }
            values[path] = .text(node.isNull ? "" : text)
            return
        }
        values[path] = .collection
        for pair in node.pairs ?? [] {
            guard let key = pair.key.text else { continue }
            collect(pair.value, "\(path).\(key)", into: &values)
        }
    }

    private mutating func single(_ node: YAMLNode?, _ name: String, _ rule: Rule) -> String? {
        guard let node else { return nil }
        guard let text = node.text else {
            fault(node, "'\(name)' must be a single value.")
            return nil
        }
        let value = node.isNull ? "" : text
        if let reason = rule(value) {
            fault(node, "'\(name)' \(reason)")
            return nil
        }
        return value.isEmpty ? nil : value
    }

    private mutating func fault(_ node: YAMLNode, _ reason: String) {
        mistakes.append(
            SiteProperties.Mistake(
                line: node.start.line,
                column: node.start.column,
                reason: reason
            )
        )
    }
}

/// What the single values must look like; each rule gives the end of a sentence, or nil.
enum SiteRules {
    static func anything(_ text: String) -> String? { nil }

    /// The rules of the server, so that the mistake shows here and not as a refusal there.
    static func deviceID(_ text: String) -> String? {
        if text.isEmpty { return "is empty; write the ID that was registered, or leave it out." }
        guard text.utf8.count <= 128 else { return "has more than 128 characters." }
        let forbidden = Set("/?#&+%,$~!@*(){}|=;:<>'.^\"".utf8)
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !forbidden.contains($0) })
        else { return "may hold letters, digits and signs such as - and _ only." }
        return nil
    }

    static func endpoint(_ text: String) -> String? {
        if text.isEmpty { return nil }
        return isEndpoint(withScheme(text))
            ? nil : "must be an address such as https://easel.example.org:8443."
    }

    static func withScheme(_ text: String) -> String {
        text.contains("://") ? text : "https://" + text
    }

    static func proxy(_ text: String) -> String? {
        if text.isEmpty { return nil }
        return isEndpoint(text) ? nil : "must be an address such as http://proxy.example.org:3128."
    }

    static func secret(_ text: String) -> String? {
        text.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? nil : "holds blanks or other signs."
    }

    static func address(_ text: String) -> String? {
        if text.isEmpty { return nil }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let host = String(parts.first ?? "")
        let bitsMax = bytes(host, AF_INET) != nil ? 32 : bytes(host, AF_INET6) != nil ? 128 : -1
        guard bitsMax > 0 else { return "must be an IP address." }
        if parts.count == 2 {
            guard let bits = Int(parts[1]), (0...bitsMax).contains(bits) else {
                return "must be an IP address, with a prefix of at most \(bitsMax) bits."
            }
        }
        return nil
    }

    static func flag(_ text: String) -> String? {
        ["", "true", "false"].contains(text) ? nil : "must be true or false."
    }

    static func publicKey(_ text: String) -> String? {
        if text.isEmpty { return nil }
        return (try? VerifyingKey(pem: Array(text.utf8))) == nil
            ? "must be a public Ed25519 key in PEM." : nil
    }

    static func mode(_ text: String) -> String? {
        ["", "standalone", "ha"].contains(text) ? nil : "must be standalone or ha."
    }

    /// An IPv4 address as a number, for comparing.
    static func number(_ text: String) -> UInt32? {
        bytes(text, AF_INET)?.reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func isEndpoint(_ text: String) -> Bool {
        let lower = text.lowercased()
        guard let scheme = ["https://", "http://"].first(where: lower.hasPrefix) else {
            return false
        }
        let rest = lower.dropFirst(scheme.count)
        let host = rest.hasSuffix("/") ? rest.dropLast() : rest
        return !host.isEmpty && host.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            && !host.contains(where: { "/?#@\\\"<>{}|^`".contains($0) })
    }

    private static func bytes(_ text: String, _ family: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(family, text, &bytes) == 1 else { return nil }
        return Array(bytes.prefix(family == AF_INET ? 4 : 16))
    }
}
