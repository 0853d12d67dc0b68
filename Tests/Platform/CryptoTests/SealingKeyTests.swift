import Crypto
import Glibc
import Testing

@Suite("Sealing")
struct SealingKeyTests {
    let key = SealingKey()

    @Test func `opens what it sealed, of any length`() throws {
        for count in [0, 1, 15, 16, 17, 5000] {
            let secret = [UInt8](repeating: 7, count: count)
            let sealed = try key.seal(secret, context: "registry:1")
            #expect(sealed.count == count + SealingKey.overheadBytes)
            #expect(try key.open(sealed, context: "registry:1") == secret)
        }
    }

    @Test func `seals the same bytes differently each time`() throws {
        #expect(try key.seal([1], context: "") != key.seal([1], context: ""))
    }

    @Test func `refuses another context`() throws {
        let sealed = try key.seal([1, 2, 3], context: "registry:1")
        #expect(throws: SealingError.damaged) { try key.open(sealed, context: "registry:2") }
    }

    @Test func `refuses another key by name`() throws {
        let sealed = try key.seal([1, 2, 3], context: "a")
        #expect(throws: SealingError.otherKey) { try SealingKey().open(sealed, context: "a") }
    }

    @Test func `refuses every changed byte and every cut`() throws {
        let sealed = try key.seal([1, 2, 3], context: "a")
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: SealingError.self) { try key.open(changed, context: "a") }
            #expect(throws: SealingError.self) {
                try key.open(Array(sealed[..<index]), context: "a")
            }
        }
    }

    @Test func `refuses what only claims to be sealed`() {
        #expect(throws: SealingError.notSealed) {
            try key.open(Array("$sealed$v1$abcdefghijklmnopqrstuvwxyz0123456789".utf8), context: "")
        }
    }

    @Test func `makes a key file for its owner only and uses it again`() throws {
        let folder = Folder()
        let path = "\(folder.path)/sealing.key"
        let first = try SealingKey.loadOrMake(path: path)
        #expect(folder.mode(of: "sealing.key") == 0o600)
        let sealed = try first.seal([9], context: "a")
        #expect(try SealingKey.loadOrMake(path: path).open(sealed, context: "a") == [9])
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o660, 0o777] as [mode_t])
    func `refuses a key file that others may read`(mode: mode_t) throws {
        let folder = Folder()
        let path = "\(folder.path)/sealing.key"
        _ = try SealingKey.loadOrMake(path: path)
        chmod(path, mode)
        let error = try #require(throws: SecretFileError.self) {
            try SealingKey.loadOrMake(path: path)
        }
        #expect(error.problem.contains("chmod 600"))
    }

    @Test func `refuses a file that holds no key, and does not overwrite it`() throws {
        let folder = Folder()
        let path = "\(folder.path)/sealing.key"
        try SecretFile.write([1, 2, 3], to: path, .owner, replacing: true)
        #expect(throws: SecretFileError.self) { try SealingKey.loadOrMake(path: path) }
        #expect(try SecretFile.read(path, .owner) == [1, 2, 3])
    }

    @Test func `refuses a pipe and a folder in place of the file`() throws {
        let folder = Folder()
        mkfifo("\(folder.path)/pipe", 0o600)
        #expect(throws: SecretFileError.self) { try SealingKey.load(path: "\(folder.path)/pipe") }
        #expect(throws: SecretFileError.self) { try SealingKey.load(path: folder.path) }
        #expect(try SealingKey.load(path: "\(folder.path)/none") == nil)
    }
}
