import AgentContract
import Archive
import Crypto
import JSON
import Testing

@testable import easel_agent

@Suite("systemprofile.tgz")
struct SystemProfileArchiveTests {
    private let profile = Samples.profile([
        SampleLayer(name: "a", manifests: ["m": "kind: A\n"]), SampleLayer(name: "b"),
    ])

    private func refusal(_ bytes: [UInt8]) -> String {
        do {
            _ = try SystemProfileArchive(bytes)
            return "taken"
        } catch {
            return error.description
        }
    }

    @Test func `gives the profile, the server and every part`() throws {
        let archive = try SystemProfileArchive(Samples.archive(profile))
        #expect(archive.profile == profile.revision)
        #expect(archive.manifest.serverURL == "https://easel.example:8443")
        #expect(archive.manifest.pairingToken == Samples.token)
        for (digest, bytes) in profile.parts { #expect(archive.contents(of: digest) == bytes) }
    }

    @Test func `refuses a changed, a missing, an added and an unnamed file`() throws {
        let changed = try Samples.archive(profile) { $0[2].bytes = Array("evil: true\n".utf8) }
        #expect(refusal(changed).contains("is damaged: systemprofile/layers/0-a/values.yaml"))
        let missing = try Samples.archive(profile) { $0.remove(at: 2) }
        #expect(refusal(missing).contains("lacks systemprofile/layers/0-a/values.yaml"))
        let added = try Samples.archive(profile) { $0.append(("extra", [1])) }
        #expect(refusal(added).contains("holds systemprofile/extra"))
        let empty = try Samples.archive(profile) { $0.remove(at: 0) }
        #expect(refusal(empty).contains("has no systemprofile/manifest.json"))
    }

    @Test func `refuses a manifest that was changed, and one that nobody signed`() throws {
        let manifest = try Samples.manifest(
            profile,
            Samples.archiveFiles(profile),
            signer: Samples.signer.get()
        ).jsonBytes()
        let moved = String(decoding: manifest, as: UTF8.self)
            .replacing("easel.example", with: "other.example")
        let changed = try Samples.archive(profile) { $0[0].bytes = Array(moved.utf8) }
        #expect(refusal(changed).contains("was changed: the signature of"))
        let cut = try Samples.archive(profile) { $0[$0.count - 1].bytes.removeLast() }
        #expect(refusal(cut).contains("was changed: the signature of"))
        let unsigned = try Samples.archive(profile) { $0.removeLast() }
        #expect(refusal(unsigned).contains("is not signed"))
    }

    @Test func `refuses a signature with a key that is none of Ed25519`() throws {
        let files = Samples.archiveFiles(profile)
        let manifest = String(
            decoding: try Samples.manifest(profile, files, signer: Samples.signer.get())
                .jsonBytes(),
            as: UTF8.self
        )
        let broken = try Samples.archive(profile) {
            $0[0].bytes = Array(manifest.replacing("BEGIN PUBLIC", with: "BEGIN OTHER").utf8)
        }
        #expect(refusal(broken).contains("its signing key cannot be used"))
    }

    @Test func `refuses another format and a manifest that is no JSON`() throws {
        let files = Samples.archiveFiles(profile)
        let manifest = String(
            decoding: try Samples.manifest(profile, files, signer: Samples.signer.get())
                .jsonBytes(),
            as: UTF8.self
        )
        let other = try Samples.archive(profile) {
            $0[0].bytes = Array(manifest.replacing("profile/v1", with: "profile/v2").utf8)
        }
        #expect(refusal(other).contains("this agent reads 'easel.systemprofile/v1'"))
        let broken = try Samples.archive(profile) { $0[0].bytes = Array("{".utf8) }
        #expect(refusal(broken).contains("manifest.json cannot be used"))
    }

    @Test func `refuses an archive that is cut off at any place`() throws {
        let whole = try Samples.archive(profile)
        for count in stride(from: 0, to: whole.count, by: 7) {
            #expect(refusal(Array(whole.prefix(count))).contains("cannot be read"))
        }
    }

    @Test(arguments: [
        ("../../etc/passwd", UInt8(ascii: "0")), ("/etc/passwd", UInt8(ascii: "0")),
        ("systemprofile/link", UInt8(ascii: "2")), ("systemprofile/hard", UInt8(ascii: "1")),
        ("systemprofile/dev", UInt8(ascii: "3")), ("systemprofile/pipe", UInt8(ascii: "6")),
    ])
    func `refuses an entry that would reach outside`(path: String, type: UInt8) {
        let tar = RawTar.entry(path, type: type) + [UInt8](repeating: 0, count: 1024)
        #expect(refusal(Gzip.compress(tar)).contains("cannot be read"))
    }

    @Test func `refuses a bomb`() {
        let zeros =
            RawTar.entry("systemprofile/a", type: UInt8(ascii: "0"), size: 300 << 20)
            + [UInt8](repeating: 0, count: 300 << 20)
        #expect(refusal(Gzip.compress(zeros)).contains("cannot be read"))
    }
}

/// Headers that no honest writer makes.
private enum RawTar {
    static func entry(_ path: String, type: UInt8, size: Int = 0) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        put(path, at: 0)
        put("0000644\0", at: 100)
        put("0000000\0", at: 108)
        put("0000000\0", at: 116)
        let octal = String(size, radix: 8)
        put(String(repeating: "0", count: 11 - octal.count) + octal + "\0", at: 124)
        put("00000000000\0", at: 136)
        put("        ", at: 148)
        block[156] = type
        if type == UInt8(ascii: "1") || type == UInt8(ascii: "2") { put("/etc/passwd", at: 157) }
        put("ustar\u{0}00", at: 257)
        let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
        put(String(repeating: "0", count: 6 - sum.count) + sum + "\0 ", at: 148)
        return block
    }
}
