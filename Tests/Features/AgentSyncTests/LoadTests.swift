import AgentSync
import Crypto
import Glibc
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@Suite("Loading a fleet") struct LoadTests {
    @Test func `a hundred thousand appliances are ready at once`() async throws {
        let options = try TestDatabase.options()
        let credential = "easel_agent_known"
        do {
            let fleet = try Fleet(options: options)
            try fleet.database.writeBlocking { tx in try Self.fill(tx, knowing: credential) }
            fleet.database.close()
        }
        let fleet = try Fleet(options: options, isNew: false)
        try fleet.publish("prof1", number: 1)
        let memory = Self.residentMegabytes()
        let start = MonotonicTime.now()
        try fleet.agents.load()
        let milliseconds = MonotonicTime.now().milliseconds(since: start)
        print("100,000 appliances: \(milliseconds) ms, \(Self.residentMegabytes() - memory) MB")
        #expect(fleet.agents.applianceCount == 100_000)
        let poll = try await fleet.poll("device-77", credential)
        #expect(poll.status == 200)
        #expect(poll.json["profiles"]?.elements?.count == 1)
        #expect(fleet.index.entry(uid: "device-5")?.lastSeenAt == Timestamp(milliseconds: 5))
        #expect(milliseconds < 30_000)
    }

    private static func fill(_ tx: borrowing Transaction, knowing credential: String) throws {
        try tx.run(
            """
            INSERT INTO appliance (key, uid, tenant_uid, project_uid, owner_uid, name,
                display_name, state, arch, type, labels, annotations, host, device, properties,
                service, cloud_properties, cpu_cores, memory_mb, remote_shell, temporary_user,
                tunnel_status, credential_digest, fingerprint, desired_counter, version,
                created_at, modified_at)
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
            SELECT i, 'device-' || i, 't1', 'p1', '', 'device-' || i, 'device-' || i, 'ready',
                'amd64', 'edge-native', '{}', '{}', '{}', printf('%.*c', 800, 'x'), '{}', '{}',
                '{}', 4, 8192, 'disabled', 'disabled', '{}', printf('%016x%048x', i * 2654435761, i), 'm', i, i, 0, 0
            FROM n
            """
        )
        try tx.run(
            "UPDATE appliance SET credential_digest = $1 WHERE key = 77",
            .text(SecretDigest(presented: credential).hex)
        )
        try tx.run(
            """
            INSERT INTO appliance_health (appliance_key, state, message, agent_version,
                last_seen_at, changed_at)
            SELECT key, 'healthy', '', '1.0.0', key, 0 FROM appliance
            """
        )
        try tx.run(
            """
            INSERT INTO appliance_profile (appliance_key, profile_uid, position)
            SELECT key, 'prof1', 0 FROM appliance
            """
        )
    }

    /// Memory of the process's own; pages of the database's file are the kernel's to drop.
    private static func residentMegabytes() -> Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = fread(&bytes, 1, bytes.count, file)
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n")
        let words = lines.first { $0.hasPrefix("RssAnon") }?.split(separator: " ") ?? []
        return words.count > 1 ? (Int(words[words.count - 2]) ?? 0) / 1024 : 0
    }
}
