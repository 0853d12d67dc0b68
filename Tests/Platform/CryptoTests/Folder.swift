import Glibc
import Primitives

/// A folder for one test, removed with everything in it.
struct Folder: ~Copyable {
    let path: String

    init() {
        path = "/tmp/easel-crypto-\(Hex.encode(RandomBytes.make(8)))"
        mkdir(path, 0o700)
    }

    deinit {
        if let listing = opendir(path) {
            while let entry = readdir(listing) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink("\(path)/\(name)")
            }
            closedir(listing)
        }
        rmdir(path)
    }

    func mode(of name: String) -> mode_t {
        var status = stat()
        stat("\(path)/\(name)", &status)
        return status.st_mode & 0o777
    }
}
