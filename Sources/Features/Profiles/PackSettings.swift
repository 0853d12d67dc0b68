import YAML

/// What the `pack:` part of a layer's values says to the server itself.
struct PackSettings {
    /// `spectrocloud.com/install-priority`; lower ones first, 0 when it is not given.
    let installOrder: Int64
    /// `spectrocloud.com/display-name`, by which two layers of one pack differ; empty for none.
    let displayName: String
    /// `vmManifest`: the layer's manifests describe virtual machines.
    let isVM: Bool
    /// What is wrong with the settings, as a sentence.
    let problem: String?

    init(values: String) {
        let pack = Self.pack(of: values)
        var problem: String?
        let priority = pack?["spectrocloud.com/install-priority"]
        // Clients write it in quotes and without.
        let order = priority?.text.flatMap(Int64.init)
        if let priority, !priority.isNull, order == nil {
            problem = "'spectrocloud.com/install-priority' must be a whole number."
        }
        let flag = pack?["vmManifest"]
        isVM = flag?.bool ?? (flag?.text == "true")
        if problem == nil, let flag, !flag.isNull, flag.bool == nil,
            flag.text != "true", flag.text != "false"
        {
            problem = "'vmManifest' must be true or false."
        }
        installOrder = order ?? 0
        displayName = pack?["spectrocloud.com/display-name"]?.text ?? ""
        self.problem = problem
    }

    /// The `pack:` mapping alone: values may be large, and may hold templates elsewhere and then
    /// be no YAML yet.
    private static func pack(of values: String) -> YAMLNode? {
        if let block = block(of: values), let root = try? YAML.parse(block).first {
            return root["pack"]
        }
        return (try? YAML.parse(values))?.first?["pack"]
    }

    /// The lines from `pack:` up to the next member of the root; `nil` when no line begins so.
    private static func block(of values: String) -> [UInt8]? {
        let lines = values.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard let first = lines.firstIndex(where: { $0.starts(with: "pack:".utf8) }) else {
            return nil
        }
        var block = Array(lines[first])
        for line in lines[(first + 1)...] {
            guard let head = line.first else { continue }
            if head != 0x20, head != UInt8(ascii: "#"), head != 0x0D { break }
            block.append(0x0A)
            block += line
        }
        return block
    }
}
