/// The tables of a run, as Markdown.
struct Report {
    private(set) var text = ""

    /// Adds a comparison's two rows.
    mutating func add(_ comparison: Comparison) {
        let easel = Comparison.Figures(comparison.easel)
        let nginx = Comparison.Figures(comparison.nginx)
        let scenario = comparison.scenario
        func row(_ server: String, _ figures: Comparison.Figures, _ ratios: String) -> String {
            "| \(scenario.title) | \(scenario.connections) | \(comparison.transport.rawValue) "
                + "| \(server) | \(Self.number(figures.perSecond, 0)) "
                + "| \(Self.number(figures.p50, 0)) | \(Self.number(figures.p99, 0)) "
                + "| \(Self.number(figures.processor, 2)) | \(ratios) |\n"
        }
        let processor = Self.number(nginx.processor / max(easel.processor, 0.001), 2)
        let throughput = Self.number(easel.perSecond / max(nginx.perSecond, 0.001), 2)
        if text.isEmpty {
            text = """
                | Request | Connections | Over | Server | Requests/s | p50 µs | p99 µs \
                | CPU µs/request | nginx CPU / Easel CPU | throughput Easel / nginx |
                |---|---:|---|---|---:|---:|---:|---:|---:|---:|

                """
        }
        text += row("Easel", easel, "\(processor) | \(throughput)")
        text += row("nginx", nginx, "1 | 1")
    }

    /// Adds the memory's rows.
    mutating func add(_ memory: MemoryMeasurement) {
        func megabytes(_ bytes: Int) -> String { Self.number(Double(bytes) / 1_048_576, 1) }
        func row(_ name: String, _ figures: ProcessFigures.Memory, _ start: String) -> String {
            "| \(name) | \(megabytes(figures.resident)) | \(megabytes(figures.anonymous)) "
                + "| \(start) |\n"
        }
        text += """

            | Server | Resident MB | of it anonymous MB | Start to ready, s |
            |---|---:|---:|---:|

            """
        text += row("empty", memory.empty, Self.number(memory.emptyStartSeconds, 3))
        text += row("after \(memory.count) registrations", memory.registered, "–")
        text += row(
            "started again with \(memory.count)",
            memory.restarted,
            Self.number(memory.startSeconds, 3)
        )
        text += """

            Registered over the API from 64 connections, each durable: \
            \(Self.number(memory.registrationsPerSecond, 0)) appliances/s.

            """
    }

    /// Adds a publish's row.
    mutating func add(_ publish: PublishMeasurement) {
        func milliseconds(_ seconds: Double) -> String { Self.number(seconds * 1000, 1) }
        text += """

            | Followers | Publish, ms (middle, worst of \(publish.seconds.count)) \
            | Dry run of it, ms (middle, worst) |
            |---:|---:|---:|
            | \(publish.count) | \(milliseconds(publish.middle)), \
            \(milliseconds(publish.seconds.last ?? 0)) | \(milliseconds(publish.dryMiddle)), \
            \(milliseconds(publish.drySeconds.last ?? 0)) |

            """
    }

    /// Adds a fleet's row.
    mutating func add(_ fleet: FleetMeasurement) {
        if !text.contains(Self.fleetHead) {
            text += "\n\(Self.fleetHead)|---:|---|---:|---:|---:|---:|---:|---:|\n"
        }
        text +=
            "| \(fleet.count) | \(fleet.transport.rawValue) "
            + "| \(Self.number(fleet.returnSeconds, 2)) "
            + "| \(Self.number(fleet.returnProcessorSeconds, 2)) "
            + "| \(Self.number(fleet.waitingShare * 100, 2)) % "
            + "| \(Self.number(fleet.changeSeconds, 3)) "
            + "| \(Self.number(fleet.stopSeconds, 2)) "
            + "| \(Self.number(Double(fleet.memory.resident) / 1_048_576, 1)) |\n"
    }

    /// Adds the rows of packs and profiles.
    mutating func add(_ profiles: ProfileMeasurement) {
        func at(_ share: Double) -> String {
            let index = Int(Double(profiles.validations.count - 1) * share)
            return Self.number(profiles.validations[index], 1)
        }
        text += """

            | Work | Time |
            |---|---:|
            | import of \(profiles.packs) packs, each in a transaction of its own \
            | \(Self.number(profiles.importSeconds, 2)) s |
            | the same import again, which changes nothing \
            | \(Self.number(profiles.againSeconds, 2)) s |
            | validation of a profile of \(profiles.layers) layers, p50 | \(at(0.5)) ms |
            | … p99 of \(profiles.validations.count) | \(at(0.99)) ms |

            """
    }

    private static let fleetHead = """
        | Appliances | Over | All back at once, s | … CPU s | CPU while all wait \
        | Change to the last of them, s | Stopped while all wait, s | Resident MB |

        """

    /// Adds the rows of TLS.
    mutating func add(_ tls: TLSMeasurement) {
        if !tls.handshakes.isEmpty {
            text += """

                | TLS 1.3 | Easel CPU µs | nginx CPU µs | handshakes per CPU second, Easel / nginx |
                |---|---:|---:|---:|

                """
        }
        for row in tls.handshakes {
            text +=
                "| \(row.title) | \(Self.number(row.easel, 0)) "
                + "| \(Self.number(row.nginx, 0)) "
                + "| \(Self.number(row.nginx / max(row.easel, 0.001), 2)) |\n"
        }
        guard let idle = tls.idle else { return }
        text += """

            Resident memory of an idle TLS connection (\(idle.count) of them): Easel \
            \(Self.number(Double(idle.easel) / 1024, 1)) kB, nginx \
            \(Self.number(Double(idle.nginx) / 1024, 1)) kB.

            """
    }

    /// A number with so many decimal places.
    static func number(_ value: Double, _ places: Int) -> String {
        var factor = 1.0
        for _ in 0..<places { factor *= 10 }
        let scaled = Int((value * factor).rounded())
        guard places > 0 else { return "\(scaled)" }
        let digits = String(scaled % Int(factor))
        return "\(scaled / Int(factor))."
            + String(repeating: "0", count: max(0, places - digits.count)) + digits
    }
}
