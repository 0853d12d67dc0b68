import Synchronization

@testable import easel_agent

/// The power goes off.
struct PowerCut: Error {}

/// A file system in memory whose power can be cut before any step that changes something.
final class MemoryDisk: Disk {
    struct Contents: Sendable {
        var files: [String: [UInt8]] = [:]
        var folders: Set<String> = ["/"]
        /// Steps that changed something.
        var steps = 0
        /// The step at which the power goes off; it stays off until `powerOn`.
        var cutAt: Int?
    }

    private let contents = Mutex(Contents())
    private let canExchange: Bool

    init(canExchange: Bool = true) { self.canExchange = canExchange }

    var steps: Int { contents.withLock(\.steps) }

    func cut(at step: Int?) {
        contents.withLock {
            $0.cutAt = step
            $0.steps = 0
        }
    }

    /// Every file below a folder, by the path from there.
    func files(below folder: String) -> [String: [UInt8]] {
        contents.withLock { contents in
            var result: [String: [UInt8]] = [:]
            for (path, bytes) in contents.files where path.hasPrefix(folder + "/") {
                result[String(path.dropFirst(folder.count + 1))] = bytes
            }
            return result
        }
    }

    /// Puts a file down as an operator would.
    func put(_ path: String, _ bytes: [UInt8]?) {
        contents.withLock { $0.files[path] = bytes }
    }

    private func change<Value: Sendable>(
        _ body: (inout Contents) throws -> Value
    ) throws -> Value {
        try contents.withLock { contents in
            contents.steps += 1
            if let cutAt = contents.cutAt, contents.steps >= cutAt { throw PowerCut() }
            return try body(&contents)
        }
    }

    func read(_ path: String, bytesMax: Int) throws -> [UInt8]? {
        contents.withLock { $0.files[path] }
    }

    func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws {
        try change { contents in
            guard contents.folders.contains(Self.parent(path)) else {
                throw DiskError("no folder for \(path)", 2)
            }
            contents.files[path] = bytes
        }
    }

    func makeFolder(_ path: String, mode: UInt32) throws {
        try change { contents in
            guard contents.folders.contains(Self.parent(path)) else {
                throw DiskError("no folder for \(path)", 2)
            }
            contents.folders.insert(path)
        }
    }

    func names(in folder: String) throws -> [String] {
        contents.withLock { contents in
            (Array(contents.files.keys) + Array(contents.folders))
                .filter { $0 != "/" && Self.parent($0) == folder }
                .map { String($0.dropFirst(folder.count + 1)) }.sorted()
        }
    }

    func kind(of path: String) throws -> DiskEntry? {
        contents.withLock { contents in
            contents.folders.contains(path) ? .folder : contents.files[path] == nil ? nil : .file
        }
    }

    func signature(of path: String) throws -> String? {
        contents.withLock { $0.files[path] }.map { "\($0.hashValue)" }
    }

    func rename(_ path: String, to other: String) throws {
        try change { try Self.move(path, other, &$0) }
    }

    func exchange(_ one: String, _ other: String) throws -> Bool {
        guard canExchange else { return false }
        try change { contents in
            try Self.move(one, "/passing", &contents)
            try Self.move(other, one, &contents)
            try Self.move("/passing", other, &contents)
        }
        return true
    }

    func removeFile(_ path: String) throws {
        try change { $0.files[path] = nil }
    }

    func removeFolder(_ path: String) throws {
        guard try names(in: path).isEmpty else { throw DiskError("\(path) is not empty", 39) }
        try change { contents in _ = contents.folders.remove(path) }
    }

    func sync(folder: String) throws { try change { _ in } }

    private static func move(
        _ path: String,
        _ other: String,
        _ contents: inout Contents
    ) throws {
        let isThere = contents.files[path] != nil || contents.folders.contains(path)
        guard isThere, contents.files[other] == nil, !contents.folders.contains(other) else {
            throw DiskError("\(path) cannot become \(other)", 39)
        }
        func moved(_ old: String) -> String? {
            guard old == path || old.hasPrefix(path + "/") else { return nil }
            return other + old.dropFirst(path.count)
        }
        for (old, bytes) in contents.files {
            guard let new = moved(old) else { continue }
            contents.files[old] = nil
            contents.files[new] = bytes
        }
        for old in contents.folders {
            guard let new = moved(old) else { continue }
            contents.folders.remove(old)
            contents.folders.insert(new)
        }
    }

    private static func parent(_ path: String) -> String {
        let parts = path.split(separator: "/")
        return "/" + parts.dropLast().joined(separator: "/")
    }
}
