import Glibc

/// Directories for tests, removed when the test process ends.
package enum TemporaryDirectory {
    /// A directory could not be made.
    package struct Failure: Error {
        /// The `errno` of the call.
        package let code: Int32
    }

    /// The one directory of this process that holds all the others; nil when it cannot be made.
    private static let root: String? = {
        let path = unique("/tmp/easel-test-")
        atexit {
            if let root = TemporaryDirectory.root { TemporaryDirectory.remove(root) }
        }
        return path
    }()

    /// A new empty directory; its path without a slash at the end.
    package static func make() throws -> String {
        guard let root, let path = unique(root + "/") else { throw Failure(code: errno) }
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

    private static func unique(_ prefix: String) -> String? {
        var template = Array((prefix + "XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { return nil }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
