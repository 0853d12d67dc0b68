import Glibc
import Synchronization

/// Directories for tests, removed when the test process ends.
package enum TemporaryDirectory {
    /// A directory could not be made.
    package struct Failure: Error {
        /// The `errno` of the call.
        package let code: Int32
    }

    private static let made = Mutex<[String]>([])

    private static let removal: Int32 = atexit {
        for path in TemporaryDirectory.made.withLock({ $0 }) { TemporaryDirectory.remove(path) }
    }

    /// A new empty directory; its path without a slash at the end.
    package static func make() throws -> String {
        var template = Array("/tmp/easel-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(code: errno) }
        _ = removal
        let path = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        made.withLock { $0.append(path) }
        return path
    }

    /// Removes a directory with all that is in it.
    package static func remove(_ path: String) {
        guard let stream = opendir(path) else { return }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let inner = path + "/" + name
            if entry.pointee.d_type == DT_DIR { remove(inner) } else { unlink(inner) }
        }
        closedir(stream)
        rmdir(path)
    }
}
