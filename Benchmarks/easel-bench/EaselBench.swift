import ArgumentParser
import EventLoop
import Glibc

/// Measures the server beside nginx and prints the ratios.
@main
struct EaselBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "easel-bench",
        abstract: "Measure the server beside nginx, each alone on one processor."
    )

    @Flag(help: "A few seconds instead of minutes: shows that it works, not how fast.")
    var quick = false

    @Option(help: "Only this scenario; may be repeated.")
    var scenario: [String] = []

    @Option(help: "Only over this: plain or tls.")
    var transport: String?

    @Option(help: "Connections of the scenarios that do not name their own.")
    var connections = 64

    @Option(help: "Requests of one run; a run also ends after ten seconds.")
    var requests: Int?

    @Option(help: "Runs of each server in turns; the middle one counts.")
    var rounds: Int?

    @Option(help: "Appliances of memory, fleet and publish-fleet.")
    var appliances: Int?

    @Option(help: "The server's program; that beside this one when left out.")
    var server: String?

    @Option(help: "A file that takes the tables, too.")
    var output: String?

    static let scenarios = [
        "poll-unchanged", "poll-unchanged-h2", "poll-changed", "heartbeat", "heartbeat-512",
        "appliance-read", "bundle-download", "handshake-full", "handshake-resumed", "tls-idle",
        "memory", "fleet", "publish-fleet", "profiles",
    ]
    /// Those that have a server for themselves.
    private static let apartScenarios = ["memory", "fleet", "publish-fleet", "profiles"]
    private static let tlsScenarios = ["handshake-full", "handshake-resumed", "tls-idle"]

    func validate() throws {
        for name in scenario where !Self.scenarios.contains(name) {
            throw ValidationError(
                "There is no scenario '\(name)'; there are \(Self.scenarios.joined(separator: ", "))."
            )
        }
        guard (1...1024).contains(connections) else {
            throw ValidationError("--connections must be from 1 to 1024.")
        }
        guard (1...10_000_000).contains(requests ?? 1), (1...100).contains(rounds ?? 1),
            (1...200_000).contains(appliances ?? 1)
        else {
            throw ValidationError(
                "--requests is at most 10000000, --rounds 100, --appliances 200000."
            )
        }
        guard transport == nil || ["plain", "tls"].contains(transport) else {
            throw ValidationError("--transport is plain or tls.")
        }
    }

    func run() throws {
        Interrupt.install()
        _ = System.raiseDescriptorLimit()
        guard sysconf(Int32(_SC_NPROCESSORS_ONLN)) >= 2 else {
            throw BenchError("Two processors are needed: one for the server, one for the load.")
        }
        let program = try serverProgram()
        let report = try Files.withTemporaryFolder { folder in
            // The load comes from the second processor; its threads inherit this.
            _ = try ChildProcess.run(
                ["taskset", "--cpu-list", "-p", "1", "\(getpid())"],
                in: folder
            )
            return try measure(program, in: folder)
        }
        print(report.text)
        if let output { try Files.write(report.text, to: output) }
    }

    private func serverProgram() throws -> String {
        if let server { return server }
        let own = CommandLine.arguments.first ?? ""
        let folder = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
        let path = folder + "/easel"
        guard access(path, X_OK) == 0 else {
            throw BenchError("there is no \(path); build it, or name it by --server")
        }
        return path
    }

    private func measure(_ program: String, in folder: String) throws -> Report {
        note("\(ProcessFigures.processorName), Linux \(ProcessFigures.kernelRelease)")
        var report = Report()
        let wanted = scenario.isEmpty ? Self.scenarios : scenario
        if wanted.contains(where: { !Self.apartScenarios.contains($0) }) {
            try compare(wanted, program, in: folder, &report)
        }
        if wanted.contains("memory") {
            let count = appliances ?? (quick ? 1000 : 100_000)
            note("memory with \(count) appliances")
            let place = folder + "/memory"
            mkdir(place, 0o700)
            report.add(try MemoryMeasurement.run(program, count: count, in: place))
        }
        if wanted.contains("profiles") {
            note("packs and profiles")
            let place = folder + "/profiles"
            mkdir(place, 0o700)
            report.add(
                try ProfileMeasurement.run(
                    program,
                    packs: quick ? 40 : 200,
                    validations: quick ? 20 : 500,
                    in: place
                )
            )
        }
        if wanted.contains("publish-fleet") {
            let count = appliances ?? (quick ? 1000 : 100_000)
            note("a publish to \(count) appliances")
            let place = folder + "/publish"
            mkdir(place, 0o700)
            report.add(try PublishMeasurement.run(program, count: count, in: place))
        }
        if wanted.contains("fleet") {
            for kind in Transport.allCases
            where transport == nil || kind.rawValue.lowercased() == transport {
                let count = min(appliances ?? (quick ? 500 : 10_000), 10_000)
                note("a fleet of \(count) over \(kind.rawValue)")
                let place = folder + "/fleet-\(kind)"
                mkdir(place, 0o700)
                report.add(try FleetMeasurement.run(program, kind, count: count, in: place))
            }
        }
        return report
    }

    private func compare(
        _ wanted: [String],
        _ program: String,
        in folder: String,
        _ report: inout Report
    ) throws {
        let place = EaselServer.Place(folder: folder)
        let server = try EaselServer(program, at: place)
        defer { server.stop() }
        let fleetSize = wanted.contains("heartbeat-512") ? 512 : connections
        note("setting up \(fleetSize) appliances")
        let scenarios = try Fleet.scenarios(
            server,
            place,
            count: max(fleetSize, connections),
            connections: connections
        ).filter { wanted.contains($0.name) }
        // Handshakes need an answer too, though nobody looks at it.
        let answers =
            scenarios.isEmpty
            ? [NginxPeer.Answer.empty]
            : try scenarios.map { scenario in
                let sample = try Fleet.sample(scenario, server)
                return scenario.isFile
                    ? try NginxPeer.Answer(like: sample, servedFrom: "\(folder)/bundle")
                    : try NginxPeer.Answer(like: sample)
            }
        let nginx = try NginxPeer(
            answers,
            chainPath: server.chainPath,
            keyPath: server.keyPath,
            folder: folder
        )
        defer { nginx.stop() }
        let effort = Comparison.Effort(
            requests: requests ?? (quick ? 2000 : 100_000),
            warmUp: quick ? 200 : 5000,
            secondsMax: quick ? 1 : 10,
            rounds: rounds ?? (quick ? 1 : 5)
        )
        let transports = Transport.allCases.filter {
            transport == nil || $0.rawValue.lowercased() == transport
        }
        for (scenario, ports) in zip(scenarios, nginx.ports) {
            var effort = effort
            if scenario.isFile {
                effort.requests = min(effort.requests, 2000)
                effort.warmUp = min(effort.warmUp, 200)
            }
            for transport in transports {
                note("\(scenario.name) over \(transport.rawValue)")
                report.add(
                    try Comparison.measure(
                        scenario,
                        transport,
                        effort,
                        server,
                        beside: nginx,
                        at: ports
                    )
                )
            }
        }
        guard wanted.contains(where: Self.tlsScenarios.contains) else { return }
        note("TLS")
        let tlsEffort = TLSMeasurement.Effort(
            handshakes: quick ? 200 : 3000,
            connections: quick ? 200 : 2000,
            rounds: rounds ?? (quick ? 1 : 5)
        )
        report.add(try TLSMeasurement.run(wanted, tlsEffort, server, beside: nginx))
    }

    /// Progress goes beside the tables, not among them.
    private func note(_ text: String) {
        let line = Array("\(text)\n".utf8)
        _ = write(2, line, line.count)
    }
}
