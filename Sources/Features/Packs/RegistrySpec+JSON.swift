import Crypto
import JSON
import Primitives

extension RegistrySpec: JSONWritable {
    /// Writes the stored form; members that say nothing are left out.
    package func write(to writer: inout JSONWriter) {
        var object = JSONObject()
        for (name, text) in texts where !text.isEmpty { object[name] = .string(text) }
        for (name, flag) in flags where flag { object[name] = .bool(true) }
        if !labels.isEmpty { object["labels"] = .object(labels.sortedObject) }
        if !annotations.isEmpty { object["annotations"] = .object(annotations.sortedObject) }
        object.write(to: &writer)
    }

    private var texts: [(String, String)] {
        [
            ("endpoint", endpoint), ("auth", auth.rawValue), ("username", username), ("ca", ca),
            ("certificate", certificate), ("provider", provider),
            ("baseContentPath", baseContentPath), ("basePath", basePath),
        ]
    }

    private var flags: [(String, Bool)] {
        [
            ("isPrivate", isPrivate), ("isTLSEnabled", isTLSEnabled),
            ("skipsVerification", skipsVerification),
        ]
    }

    /// Reads a stored text; members that are missing say nothing.
    package init(stored text: String) throws {
        let value = try JSONParser.parse(text)
        for member in value["labels"]?.members ?? JSONObject() {
            labels[member.key] = member.value.text
        }
        for member in value["annotations"]?.members ?? JSONObject() {
            annotations[member.key] = member.value.text
        }
        endpoint = value["endpoint"]?.text ?? ""
        auth = value["auth"]?.text.flatMap(Auth.init) ?? .none
        username = value["username"]?.text ?? ""
        ca = value["ca"]?.text ?? ""
        certificate = value["certificate"]?.text ?? ""
        provider = value["provider"]?.text ?? ""
        baseContentPath = value["baseContentPath"]?.text ?? ""
        basePath = value["basePath"]?.text ?? ""
        isPrivate = value["isPrivate"]?.flag ?? false
        isTLSEnabled = value["isTLSEnabled"]?.flag ?? false
        skipsVerification = value["skipsVerification"]?.flag ?? false
    }
}

extension RegistrySecret {
    /// Seals the secret of one registry under the server's key; nil when it holds nothing.
    ///
    /// It opens for the registry of this uid only.
    package func sealed(for uid: String, under key: SealingKey) throws -> String? {
        guard self != RegistrySecret() else { return nil }
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("password", password)
            writer.field("token", token)
        }
        return Base64.encode(try key.seal(writer.finish(), context: Self.context(uid)))
    }

    /// Opens the secret of a registry; empty when it has none.
    ///
    /// - Throws: `SealingError` when it was sealed under another key or for another registry.
    package init(of registry: Registry, under key: SealingKey) throws {
        guard let text = registry.sealedSecret else {
            self.init()
            return
        }
        guard let bytes = Base64.decode(text) else { throw SealingError.notSealed }
        let value = try JSONParser.parse(key.open(bytes, context: Self.context(registry.uid)))
        self.init(password: value["password"]?.text ?? "", token: value["token"]?.text ?? "")
    }

    private static func context(_ uid: String) -> String { "registry:\(uid):credentials" }
}
