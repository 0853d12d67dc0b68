import CWatchedDisk
import Glibc
import Synchronization

/// A disk under one folder of which a test sees every call, and can refuse it; it knows what would
/// be left of the files if the power failed now.
///
/// What SQLite has written but not synced may be lost, in any order and in part. One at a time in
/// a process: databases that are opened under the folder while it is installed lie on it.
package final class WatchedDisk: Sendable {
    /// What SQLite does to a file.
    package enum Call: Int32, Sendable {
        /// Opens it.
        case open
        /// Reads a part of it.
        case read
        /// Writes a part of it.
        case write
        /// Cuts it short.
        case truncate
        /// Waits until all that was written is on the disk.
        case sync
        /// Deletes it.
        case delete

        /// Whether the disk is another one afterwards.
        package var changes: Bool { self != .open && self != .read }
    }

    private enum Change {
        case write([UInt8], at: Int)
        case truncate(Int)
        case delete
    }

    private struct File {
        /// What a sync has made sure of; nil when not even the name is.
        var durable: [UInt8]?
        var changes: [Change] = []
    }

    private let files = Mutex<[String: File]>([:])
    private let folder: String
    private let told: @Sendable (Call, _ path: String) -> Int32

    /// Installs the disk.
    ///
    /// - Parameters:
    ///   - folder: a folder that holds no database yet.
    ///   - told: told of each call before it happens; anything but 0 is its result.
    package init(_ folder: String, told: @escaping @Sendable (Call, _ path: String) -> Int32) {
        self.folder = folder
        self.told = told
        let code = watched_disk_install(
            folder,
            { context, call, path, bytes, size, offset in
                guard let context, let call = Call(rawValue: call) else { return 0 }
                let content = UnsafeRawBufferPointer(
                    start: bytes,
                    count: bytes == nil ? 0 : Int(size)
                )
                return Unmanaged<WatchedDisk>.fromOpaque(context).takeUnretainedValue()
                    .note(call, String(cString: path), content, Int(size), Int(offset))
            },
            // Kept for the rest of the process: a connection may be closed late.
            Unmanaged.passRetained(self).toOpaque()
        )
        precondition(code == 0, "no disk: \(code)")
    }

    /// Lets databases that are opened from now on lie on the usual disk.
    package func remove() { watched_disk_remove() }

    private func note(
        _ call: Call,
        _ path: String,
        _ bytes: UnsafeRawBufferPointer,
        _ size: Int,
        _ offset: Int
    ) -> Int32 {
        let code = told(call, path)
        guard code == 0, call.changes else { return code }
        files.withLock { files in
            var file = files[path] ?? File()
            switch call {
            case .write: file.changes.append(.write(Array(bytes), at: offset))
            case .truncate: file.changes.append(.truncate(size))
            case .sync:
                // With the first sync of a new file SQLite syncs the folder, and so what was deleted.
                if file.durable == nil {
                    for (other, gone) in files {
                        if case .delete? = gone.changes.last { files[other] = File() }
                    }
                }
                var content: [UInt8]? = file.durable ?? []
                for change in file.changes { Self.apply(change, to: &content) }
                file = File(durable: content)
            case .delete where size != 0: file = File()
            case .delete: file.changes.append(.delete)
            case .open, .read: break
            }
            files[path] = file
        }
        return 0
    }

    /// Writes into another folder what a cut of power at this moment may leave.
    package func cutPower(into other: String, _ random: inout some RandomNumberGenerator) throws {
        let files = files.withLock { $0 }
        // Either a moment in the middle of an orderly stream, or the order of a careless disk.
        let isOrderly = Bool.random(using: &random)
        for (path, file) in files {
            var content = file.durable
            var left = isOrderly ? Int.random(in: 0...file.changes.count, using: &random) : .max
            for change in file.changes {
                left -= 1
                if left == 0 || !isOrderly {
                    Self.applySome(of: change, to: &content, &random)
                } else if left > 0 {
                    Self.apply(change, to: &content)
                }
            }
            guard let content else { continue }
            let target = other + path.dropFirst(folder.count)
            guard let stream = fopen(target, "w") else {
                throw TemporaryDirectory.Failure(code: errno)
            }
            defer { fclose(stream) }
            guard fwrite(content, 1, content.count, stream) == content.count else {
                throw TemporaryDirectory.Failure(code: errno)
            }
        }
    }

    private static func apply(_ change: Change, to content: inout [UInt8]?) {
        switch change {
        case .write(let bytes, let offset): put(bytes[...], at: offset, in: &content)
        case .truncate(let size): if let old = content { content = Array(old.prefix(size)) }
        case .delete: content = nil
        }
    }

    /// What the disk writes at one stroke.
    private static let sectorBytes = 512

    private static func applySome(
        of change: Change,
        to content: inout [UInt8]?,
        _ random: inout some RandomNumberGenerator
    ) {
        guard case .write(let bytes, let offset) = change else {
            if Bool.random(using: &random) { apply(change, to: &content) }
            return
        }
        var start = 0
        while start < bytes.count {
            let end = min(
                bytes.count,
                start + sectorBytes - (offset + start) % sectorBytes
            )
            if Bool.random(using: &random) {
                put(bytes[start..<end], at: offset + start, in: &content)
            }
            start = end
        }
    }

    private static func put(_ bytes: ArraySlice<UInt8>, at offset: Int, in content: inout [UInt8]?)
    {
        var whole = content ?? []
        content = nil
        let missing = offset + bytes.count - whole.count
        if missing > 0 { whole.append(contentsOf: repeatElement(0, count: missing)) }
        whole.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        content = whole
    }
}

/// Numbers that are the same for the same seed (SplitMix64).
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Begins a sequence.
    package init(seed: UInt64) { state = seed }

    /// The next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
