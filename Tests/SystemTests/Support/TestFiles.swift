import Archive
import Glibc
import JSON
import TestSupport

/// Files of the tests.
enum TestFiles {
    static func read(_ path: String) throws -> [UInt8] {
        try Files.read(path, bytesMax: 256 << 20)
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try read(path), as: UTF8.self)
    }

    static func json(_ path: String) throws -> JSONValue { try JSONParser.parse(read(path)) }

    static func write(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        try Files.atomicWrite(path: path, bytes: bytes, mode: mode)
    }

    static func write(_ path: String, _ text: String) throws { try write(path, Array(text.utf8)) }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The permission bits; nil when there is no such file.
    static func mode(_ path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    /// Every file below a folder, by its path within it.
    static func list(_ folder: String) -> Set<String> {
        var found: Set<String> = []
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            if entry.pointee.d_type == DT_DIR {
                found.formUnion(list("\(folder)/\(name)").map { "\(name)/\($0)" })
            } else {
                found.insert(name)
            }
        }
        return found
    }

    /// Copies a file.
    static func copy(_ source: String, _ target: String, mode: UInt32 = 0o600) throws {
        try write(target, read(source), mode: mode)
    }
}
