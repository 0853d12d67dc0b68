import Glibc
import HTTPCore
import JSON
import TestSupport
import Testing

/// A small file system in memory; only root may mount one.
private final class SmallDisk: Sendable {
    let path: String

    init?(megabytes: Int) throws {
        path = try TemporaryDirectory.make() + "/disk"
        mkdir(path, 0o700)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else { return nil }
    }

    deinit { umount2(path, Int32(MNT_DETACH.rawValue)) }

    static let isPossible: Bool = ((try? SmallDisk(megabytes: 1)) ?? nil) != nil
}

@Suite("A full disk", .serialized)
struct DiskFullTests {
    @Test(.enabled(if: SmallDisk.isPossible), .timeLimit(.minutes(2)))
    func `writes are refused, polls go on, and all recovers when there is room`() async throws {
        let disk = try #require(try SmallDisk(megabytes: 6))
        let data = disk.path + "/data"
        let server = try await EaselProcess.start(data: data, flags: ["--listen", "127.0.0.1:0"])
        let api = try server.api(isSecure: false)
        let token = try await api.makeToken(project: server.signIn().projectUID)
        let appliance = try await api.pair("device-153", token: token).api(server)
        let polled = try await appliance.send(.get, "/v1/edgehosts/device-153/desired")
        let tag = try #require(polled.field("etag"))
        let filler = disk.path + "/filler"
        let filled = try await Programs.bash("dd if=/dev/zero of='\(filler)' bs=4k || true")
        #expect(filled.ending == .exit(0))
        var acknowledged: Set<String> = []
        var refusal: APIAnswer?
        for number in 0..<5000 where refusal == nil {
            let answer = try await api.register("full-\(number)")
            if answer.status == 201 { acknowledged.insert("full-\(number)") } else { refusal = answer }
        }
        let refused = try #require(refusal)
        #expect([503, 507].contains(refused.status), "\(refused)")
        #expect(refused.code.isEmpty == false)
        #expect(!refused.text.contains(disk.path) && !refused.text.contains("INSERT"))
        let ready = try await api.send(.get, "/readyz")
        #expect(ready.status == 503, "\(ready)")
        #expect(try await api.send(.get, "/livez").status == 200)
        for _ in 0..<3 {
            let poll = try await appliance.send(
                .get, "/v1/edgehosts/device-153/desired",
                fields: [(name: "If-None-Match", value: tag)])
            #expect(poll.status == 304, "\(poll)")
        }
        #expect(try await api.send(.get, "/v1/edgehosts/device-153").status == 200)
        unlink(filler)
        try await Wait.until("the server is ready again") {
            try await api.send(.get, "/readyz").status == 200
        }
        #expect(try await api.register("after").status == 201)
        try await checkStored(server, api, acknowledged)
        #expect(try await server.stop() == .exit(0))
        let again = try await EaselProcess.start(data: data, flags: ["--listen", "127.0.0.1:0"])
        try await checkStored(again, again.api(isSecure: false), acknowledged)
    }

    private func checkStored(
        _ server: EaselProcess, _ api: API, _ acknowledged: Set<String>
    ) async throws {
        let stored = try DatabaseCopy(of: server.data).rows("SELECT uid FROM appliance", columns: 1)
        #expect(Set(stored.map { $0[0] }) == acknowledged.union(["device-153", "after"]))
    }
}
