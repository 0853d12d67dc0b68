import Archive
import JSON

/// Files of the repository that the code has to agree with.
enum RepositoryFile {
    private static let root = #filePath.split(separator: "/").dropLast(3)
        .map { "/" + $0 }.joined()

    static func text(_ path: String) throws -> String {
        String(decoding: try Files.read(root + "/" + path, bytesMax: 16 << 20), as: UTF8.self)
    }

    static func json(_ path: String) throws -> JSONValue {
        try JSONParser.parse(
            Files.read(root + "/" + path, bytesMax: 16 << 20),
            limits: JSONLimits(membersMax: 1_000_000, bytesMax: 16 << 20))
    }
}
