import APIKit
import Packs
import YAML

/// Secrets in what leaves the server: a mask takes their place, and has to be filled in before
/// the profile comes back.
enum MaskedSecrets {
    /// What stands for a secret.
    static let mask = "********"
    /// What stands for values as a whole; YAML takes bare asterisks for an alias.
    static let maskedText = "\"\(mask)\"\n"

    // MARK: Values of layers

    /// The values with each password masked; everything else stays byte for byte.
    ///
    /// - Parameter paths: of the passwords, as the pack's schema names them.
    /// - Returns: ``maskedText`` when the text cannot be read, as templates may make it: nobody
    ///   knows then where the secrets are.
    static func masked(_ values: String, _ paths: [String]) -> String {
        guard !paths.isEmpty, !values.isEmpty else { return values }
        guard let found = secrets(in: values, paths),
            // An alias names a text that stands elsewhere and would stay there.
            !found.contains(where: { $0.node.isAlias })
        else { return maskedText }
        let bytes = Array(values.utf8)
        var text: [UInt8] = []
        var at = 0
        // One place may be reached by two paths.
        for secret in found.sorted(by: { $0.node.start.offset < $1.node.start.offset })
        where secret.node.start.offset >= at {
            text += bytes[at..<secret.node.start.offset]
            text += Array("\"\(mask)\"".utf8)
            if case .scalar(_, .block) = secret.node.content { text.append(0x0A) }
            at = secret.node.endOffset
        }
        let masked = String(decoding: text + bytes[at...], as: UTF8.self)
        let left = secrets(in: masked, paths)
        guard left?.count == found.count, left?.allSatisfy({ $0.text == mask }) == true else {
            return maskedText
        }
        return masked
    }

    /// The paths of the passwords that are masked still; nil when all of the values are.
    static func masks(in values: String, _ paths: [String]) -> [String]? {
        if values == mask || values == maskedText { return nil }
        return (secrets(in: values, paths) ?? []).filter { $0.text == mask }.map(\.path)
    }

    private struct Secret {
        let path: String
        let text: String
        let node: YAMLNode
    }

    /// The passwords that are there and say something; nil when the text cannot be read.
    private static func secrets(in values: String, _ paths: [String]) -> [Secret]? {
        guard let documents = try? YAML.parse(values) else { return nil }
        var found: [Secret] = []
        for path in paths {
            let keys = path.split(separator: ".")[...]
            for document in documents { collect(keys, of: path, in: document, &found) }
        }
        return found
    }

    private static func collect(
        _ keys: ArraySlice<Substring>,
        of path: String,
        in node: YAMLNode,
        _ found: inout [Secret]
    ) {
        guard !keys.isEmpty else {
            // What only names a macro or a variable tells nothing.
            guard let text = node.text, !text.isEmpty, !node.isNull, !isReference(text) else {
                return
            }
            found.append(Secret(path: path, text: text, node: node))
            return
        }
        if keys.first == "$[]" {
            for element in node.elements ?? [] {
                collect(keys.dropFirst(), of: path, in: element, &found)
            }
            return
        }
        // A key may hold dots itself.
        for count in 1...keys.count {
            guard let value = node[keys.prefix(count).joined(separator: ".")] else { continue }
            collect(keys.dropFirst(count), of: path, in: value, &found)
        }
    }

    // MARK: Manifests

    /// A manifest with the data of Kubernetes Secrets masked, as where revisions are compared; any
    /// other stays byte for byte: nothing says where a secret is in it.
    static func masked(manifest: String) -> String {
        guard manifest.contains("Secret") else { return manifest }
        let lines = manifest.split(separator: "\n", omittingEmptySubsequences: false)
        let isSecret = lines.contains { line in
            line.filter { $0 != " " && $0 != "\"" && $0 != "'" && $0 != "\r" } == "kind:Secret"
        }
        guard isSecret else { return manifest }
        var text: [String] = []
        for line in SecretMask.masked(lines) {
            // The rest of a value that is masked already.
            let isRest = line.drop { $0 == " " } == mask && text.last?.hasSuffix("\"") == true
            if !isRest { text.append(line.replacing(mask, with: quotedMask)) }
        }
        return text.joined(separator: "\n")
    }

    /// Whether a manifest holds a mask.
    static func isMasked(manifest: String) -> Bool { manifest.contains(quotedMask) }

    /// YAML takes bare asterisks for an alias.
    private static let quotedMask = "\"\(mask)\""

    private static func isReference(_ text: String) -> Bool {
        text.hasPrefix("{{") && text.hasSuffix("}}") && text.contains(".spectro.")
            && text.ranges(of: "{{").count == 1 && !text.contains("\"")
    }

    /// The faults of a layer's values that hold the mask where a secret is to be.
    ///
    /// - Parameter pointer: where the layer stands.
    static func faults(
        in values: String,
        of pack: PackVersion,
        _ layer: String,
        _ pointer: String
    ) -> [Fault] {
        let paths = pack.passwordPaths
        guard values.contains(mask), !paths.isEmpty || values == maskedText else { return [] }
        let what = masks(in: values, paths)?.map { "The secret '\($0)' of layer '\(layer)' is" }
        return (what ?? ["The values of layer '\(layer)' are"]).map { what in
            Fault(
                pointer + "/values",
                "MaskedValue",
                "\(what) masked (\(mask)); write what the mask stands for."
            )
        }
    }

    /// The fault of a manifest that holds the mask.
    static func fault(_ manifest: ManifestInput, of layer: String) -> Fault {
        Fault(
            manifest.pointer + "/content",
            "MaskedValue",
            "Manifest '\(manifest.name)' of layer '\(layer)' is masked (\(mask)); write what the "
                + "mask stands for."
        )
    }
}
