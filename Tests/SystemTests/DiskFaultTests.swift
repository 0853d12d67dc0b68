import Glibc
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

/// A server on a disk that fails on demand, with one appliance that follows a profile.
private struct FaultySite {
    let server: EaselProcess
    let api: API
    let appliance: API
    let profile: String
    /// What the appliance has.
    let tag: String
    private let orders: String

    private static let desired = "/v1/edgehosts/device-153/desired"
    private static let flags = ["--listen", "127.0.0.1:0"]

    /// The library that lets calls fail; compiled once.
    private static let library = Task {
        let path = try TemporaryDirectory.make() + "/failing-disk.so"
        let source = Programs.repository + "/Tests/Shims/FailingDisk/failing-disk.c"
        // Swift's own compiler for C, or the system's.
        let result = try await Programs.bash(
            "$(command -v clang || command -v cc) -O1 -shared -fPIC -o '\(path)' '\(source)' -ldl"
        )
        try #require(result.ending == .exit(0), "\(result)")
        return path
    }

    /// - Parameter restarted: whether the server has been stopped since all was made, so that all
    ///   is in the database's file and nothing in its log.
    init(restarted: Bool = false) async throws {
        orders = try TemporaryDirectory.make() + "/orders"
        let environment = ["LD_PRELOAD": try await Self.library.value, "FAILING_DISK": orders]
        var server = try await EaselProcess.start(flags: Self.flags, environment: environment)
        var api = try server.api(isSecure: false)
        let paired = try await api.pair(
            "device-153",
            token: api.makeToken(project: server.signIn().projectUID)
        )
        profile = try await api.makeProfile("site", layers: [(name: "note", content: "text: 1\n")])
        try await api.call(
            .put,
            "/v1/edgehosts/device-153/profiles",
            ["profiles": [["uid": .string(profile)]]]
        )
        if restarted {
            #expect(try await server.stop() == .exit(0))
            server = try await EaselProcess.start(
                data: server.data,
                flags: Self.flags,
                environment: environment
            )
            api = try server.api(isSecure: false)
        }
        self.server = server
        self.api = api
        appliance = try paired.api(server)
        tag = try #require(try await appliance.send(.get, Self.desired).field("etag"))
    }

    var database: String { server.data + "/easel.db" }

    /// Lets these calls fail from now on; none lets all succeed.
    func fail(_ calls: [String]) throws {
        try TestFiles.write(orders, calls.joined(separator: "\n") + "\n")
    }

    func poll() async throws -> APIAnswer {
        try await appliance.send(
            .get,
            Self.desired,
            fields: [(name: "If-None-Match", value: tag)]
        )
    }

    /// The server lives, says what is wrong, stores nothing, and answers unchanged polls.
    func checkRefusal(because reason: String) async throws {
        let refused = try await api.register("refused")
        #expect(refused.status == 503, "\(refused)")
        #expect(!refused.text.contains(server.data) && !refused.text.contains("SELECT"))
        try await Wait.until("the server is not ready") {
            try await api.send(.get, "/readyz").status == 503
        }
        let ready = try await api.send(.get, "/readyz")
        #expect(ready.message.contains(reason), "\(ready)")
        #expect(try await api.send(.get, "/livez").status == 200)
        for _ in 0..<3 { #expect(try await poll().status == 304) }
        try await Wait.until("the log says it") {
            server.log.contains { $0.message == "the database fails" }
        }
        #expect(server.process.end == nil)
    }

    func isReady() async throws {
        do {
            try await Wait.until("the server is ready again") {
                try await api.send(.get, "/readyz").status == 200
            }
        } catch {
            throw Wait.TimedOut(description: "\(error)\n\(server.process.transcript)")
        }
    }

    /// Starts a server on the same data and compares what it has with what was acknowledged.
    func checkStored(_ acknowledged: Set<String>) async throws {
        let again = try await EaselProcess.start(data: server.data, flags: Self.flags)
        let stored = try DatabaseCopy(of: server.data).rows("SELECT uid FROM appliance", columns: 1)
        #expect(Set(stored.map { $0[0] }) == acknowledged)
        let written = try await again.api(isSecure: false).register("afterwards")
        #expect(written.status == 201, "\(written)")
        #expect(try await again.stop() == .exit(0))
    }
}

@Suite("A disk that fails", .serialized)
struct DiskFaultTests {
    @Test(
        .timeLimit(.minutes(2)),
        arguments: [["write -wal"], ["sync -wal"], ["read -wal", "read easel.db"]]
    )
    func `stops writing, leaves no half of a publish, and goes on when it works`(
        calls: [String]
    ) async throws {
        let site = try await FaultySite()
        #expect(try await site.api.register("before").status == 201)
        let changed = try await site.api.send(
            .put,
            "/v1/clusterprofiles/\(site.profile)",
            [
                "metadata": ["name": "site"],
                "spec": [
                    "version": "1.0.0",
                    "template": [
                        "type": "system", "cloudType": "libvirt",
                        "packs": [
                            [
                                "name": "late", "type": "manifest", "layer": "addon",
                                "manifests": [["name": "late", "content": "text: 2\n"]],
                            ]
                        ],
                    ],
                ],
            ]
        )
        #expect(changed.status == 204, "\(changed)")
        try site.fail(calls)
        let publish = "/v1/clusterprofiles/\(site.profile)/publish"
        let refused = try await site.api.send(.patch, publish)
        #expect(refused.status == 503, "\(refused)")
        try await site.checkRefusal(because: "the disk fails")
        try site.fail([])
        try await site.isReady()
        #expect(site.server.log.contains { $0.message == "the database works again" })
        #expect(try await site.poll().status == 304)
        #expect(try await site.api.send(.patch, publish).status == 204)
        #expect(try await site.poll().status == 200)
        #expect(try await site.api.register("after").status == 201)
        try await site.server.killHard()
        try await site.checkStored(["device-153", "before", "after"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `says so when the log cannot be copied back into the database`() async throws {
        let site = try await FaultySite()
        try site.fail(["write easel.db"])
        var acknowledged: Set<String> = ["device-153"]
        // The log is copied back when it is long enough.
        try await Wait.until("a checkpoint fails", within: .seconds(60)) {
            let uid = "many-\(acknowledged.count)"
            if try await site.api.register(uid).status == 201 { acknowledged.insert(uid) }
            return try await site.api.send(.get, "/readyz").status == 503
        }
        #expect(try await site.poll().status == 304)
        try site.fail([])
        try await site.isReady()
        try await site.server.killHard()
        try await site.checkStored(acknowledged)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a log that is deleted costs nothing that was acknowledged`() async throws {
        let site = try await FaultySite()
        #expect(try await site.api.register("before").status == 201)
        unlink(site.database + "-wal")
        try await site.checkRefusal(because: "deleted or replaced")
        try await site.server.killHard()
        try await site.checkStored(["device-153", "before"])
    }

    @Test(.timeLimit(.minutes(2)), arguments: ["rm", "mv"])
    func `a database that is deleted or replaced is saved beside its place`(
        how: String
    ) async throws {
        let site = try await FaultySite()
        #expect(try await site.api.register("before").status == 201)
        if how == "rm" {
            unlink(site.database)
        } else {
            let other = try await EaselProcess.start(flags: ["--listen", "127.0.0.1:0"])
            #expect(try await other.stop() == .exit(0))
            #expect(rename(other.data + "/easel.db", site.database) == 0)
        }
        try await site.checkRefusal(because: "deleted or replaced")
        #expect(try await site.server.stop() == .exit(0))
        let started = try await Programs.easel(
            ["serve", "--data", site.server.data, "--listen", "127.0.0.1:0"]
        )
        #expect(started.ending == .exit(1))
        #expect(started.errors.contains("easel.db.rescued"), "\(started)")
        #expect(rename(site.database + ".rescued", site.database) == 0)
        try await site.checkStored(["device-153", "before"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `a database that is overwritten in place is left as it was put there`() async throws {
        let site = try await FaultySite()
        let backup = try TemporaryDirectory.make() + "/backup.db"
        let made = try await Programs.easel(["backup", backup, "--data", site.server.data])
        #expect(made.ending == .exit(0), "\(made)")
        #expect(try await site.api.register("later").status == 201)
        let copied = try await Programs.bash("cat '\(backup)' > '\(site.database)'")
        #expect(copied.ending == .exit(0))
        try await site.checkRefusal(because: "deleted or replaced")
        #expect(try await site.server.stop() == .exit(0))
        #expect(try TestFiles.read(site.database) == TestFiles.read(backup))
        try await site.checkStored(["device-153"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `a page that is damaged stops every write until a backup is in its place`() async throws {
        let site = try await FaultySite(restarted: true)
        let damaged = try await Programs.bash(
            """
            pages=$(( $(stat -c %s '\(site.database)') / 4096 - 1 ))
            head -c $(( pages * 4096 )) /dev/zero | tr '\\0' '\\377' |
                dd of='\(site.database)' bs=4096 seek=1 conv=notrunc status=none
            """
        )
        #expect(damaged.ending == .exit(0), "\(damaged)")
        let read = try await site.api.send(.get, "/v1/edgehosts/tags")
        #expect(read.status == 503, "\(read)")
        try await site.checkRefusal(because: "damaged")
        #expect(try await site.server.stop() == .exit(0))
        let started = try await Programs.easel(
            ["serve", "--data", site.server.data, "--listen", "127.0.0.1:0"]
        )
        #expect(started.ending == .exit(1))
        #expect(started.errors.contains("Start with a backup"), "\(started)")
    }
}
