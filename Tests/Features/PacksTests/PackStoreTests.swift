import APIKit
import Storage
import TestSupport
import Testing

@testable import Packs

@Suite("Where packs are kept")
struct PackStoreTests {
    let bench: ImportBench

    init() throws { bench = try ImportBench() }

    private func take(_ versions: [String], into registry: Registry? = nil) async throws {
        for version in versions {
            let result = try await bench.packs.importer.take(
                try SamplePack.minimal("web", version).read(),
                from: "",
                into: registry ?? bench.registry,
                by: ImportBench.actor
            )
            #expect(result.outcome == .imported)
        }
    }

    private func newest(_ train: String) throws -> String? {
        let train = try #require(VersionTrain(train))
        return try bench.database.read { tx in
            try PackStore.newest(
                registryUID: bench.registry.uid,
                name: "web",
                train: train,
                tx
            )?.version
        }
    }

    @Test func `a train follows the newest release of its line and of no other`() async throws {
        try await take(["1.1.1", "1.1.2"])
        #expect(try newest("1.1.x") == "1.1.2")
        try await take(["1.1.9", "1.2.0", "1.1.10-rc.1"])
        #expect(try newest("1.1.x") == "1.1.9")
        #expect(try newest("1.x") == "1.2.0")
        #expect(try newest("2.x") == nil)
    }

    @Test func `disabled versions are passed over and can still be read`() async throws {
        try await take(["1.0.0", "1.1.0"])
        _ = try await bench.database.write { tx in
            try tx.run("UPDATE pack_version SET state = 'disabled' WHERE version = '1.1.0'")
        }
        #expect(try newest("1.x") == "1.0.0")
        let exact = try bench.database.read { tx in
            try PackStore.exact(
                registryUID: bench.registry.uid,
                name: "web",
                version: "1.1.0",
                tx
            )
        }
        #expect(exact?.state == .disabled)
    }

    private func addRegistry(_ uid: String, tenant: String) async throws -> Registry {
        _ = try await bench.database.write { tx in
            try tx.run(
                """
                INSERT INTO registry (uid, tenant_uid, name, kind, is_default, spec, created_at,
                    modified_at) VALUES ($1, $2, $1, 'pack', 0, '{}', 0, 0)
                """,
                .text(uid),
                .text(tenant)
            )
        }
        return try #require(
            try bench.database.read { tx in
                try RegistryStore.find(uid: uid, tenantUID: tenant, tx)
            }
        )
    }

    private func find(_ version: String, tenant: String = "t1") throws -> String? {
        try bench.database.read { tx in
            try PackStore.find(name: "web", version: version, tenantUID: tenant, tx)?.registryUID
        }
    }

    @Test func `without a registry the embedded one comes first, and doubt is a fault`()
        async throws
    {
        let one = try await addRegistry("r-one", tenant: "t1")
        let two = try await addRegistry("r-two", tenant: "t1")
        try await take(["1.0.0"], into: one)
        #expect(try find("1.0.0") == "r-one")
        #expect(try find("1.x") == "r-one")
        #expect(try find("9.9.9") == nil)
        #expect(try find("1.0.0", tenant: "t2") == nil)
        try await take(["1.0.0"], into: two)
        let failure = try #require(throws: Failure.self) { try find("1.0.0") }
        #expect(failure.faults.map(\.code) == ["AmbiguousRegistry"])
        try await take(["1.0.0"])
        #expect(try find("1.0.0") == bench.registry.uid)
    }

    @Test func `the embedded registry is made once and seen by every tenant`() async throws {
        let again = try await bench.database.write { try Packs.ensureDefaultRegistry($0) }
        #expect(again.uid == bench.registry.uid)
        #expect(try bench.count("registry") == 1)
        let seen = try bench.database.read { try RegistryStore.visible("whoever", $0) }
        #expect(seen.map(\.name) == ["Public Repo"])
    }

    @Test func `equal bytes are one blob, whoever puts them`() async throws {
        let bytes = Array("some bytes".utf8)
        let digests = try await bench.database.write { tx in
            [try BlobStore.put(bytes, tx), try BlobStore.put(bytes, tx)]
        }
        #expect(digests[0] == digests[1])
        #expect(digests[0].hasPrefix("sha256:") && digests[0].utf8.count == 71)
        try bench.database.read { tx throws in
            #expect(try BlobStore.get(digests[0], tx) == bytes)
            #expect(try BlobStore.size(digests[0], tx) == 10)
            #expect(try BlobStore.get("sha256:00", tx) == nil)
            #expect(try BlobStore.size("sha256:00", tx) == nil)
        }
        #expect(try bench.count("blob") == 1)
    }

    @Test func `an empty blob is kept and is not the same as none`() async throws {
        let digest = try await bench.database.write { try BlobStore.put([], $0) }
        try bench.database.read { tx throws in
            #expect(try BlobStore.get(digest, tx) == [])
            #expect(try BlobStore.size(digest, tx) == 0)
        }
    }
}
