import Crypto

/// A JSON document stored with its own SHA-256, so that damage is seen and never acted on.
///
/// The file is `{"sha256":"…","content":…}` and a line feed.
enum SealedJSON {
    private static let head = Array("{\"sha256\":\"".utf8)
    private static let middle = Array("\",\"content\":".utf8)
    private static let tail = Array("}\n".utf8)
    private static let digestBytes = 64

    /// The file's bytes around a document.
    static func seal(_ content: [UInt8]) -> [UInt8] {
        head + SHA256.digest(content).hex.utf8 + middle + content + tail
    }

    /// The document of a file; nil when it is torn or damaged.
    static func open(_ file: [UInt8]) -> [UInt8]? {
        let start = head.count + digestBytes + middle.count
        guard file.count >= start + tail.count, file.starts(with: head),
            file[(head.count + digestBytes)...].starts(with: middle),
            file.suffix(tail.count).elementsEqual(tail)
        else { return nil }
        let content = Array(file[start..<(file.count - tail.count)])
        let digest = file[head.count..<(head.count + digestBytes)]
        return SHA256.digest(content).hex.utf8.elementsEqual(digest) ? content : nil
    }
}
