import CSystem
import Glibc

extension Files {
    /// Exchanges the names of two files or folders, so that nobody sees either name missing.
    ///
    /// - Throws: `FileError`; `EINVAL` or `ENOSYS` when the file system cannot do it.
    package static func exchange(_ one: String, _ other: String) throws(FileError) {
        let code = easel_rename_exchange(one, other)
        guard code == 0 else {
            throw FileError(path: one, number: code, attempt: "The names cannot be exchanged")
        }
    }
}
