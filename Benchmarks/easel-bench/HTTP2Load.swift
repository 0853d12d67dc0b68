import Glibc

/// Load over HTTP/2 from h2load, with several requests at once on each connection.
struct HTTP2Load {
    let target: LoadTarget
    let plan: LoadPlan
    let streams: Int
    /// Where h2load's log goes.
    let folder: String
    /// The processor time that the server has used so far, in seconds.
    let processorTime: () throws -> Double

    /// Warms up, then measures.
    ///
    /// - Throws: `BenchError` when an answer has another status than the expected one.
    func run() throws -> LoadResult {
        if plan.warmUp > 0 { _ = try load(plan.warmUp, logPath: nil) }
        let log = folder + "/h2load-log"
        unlink(log)
        let before = try processorTime()
        let seconds = try load(plan.requests, logPath: log)
        let processor = try processorTime() - before
        let latencies = try readLog(log)
        guard latencies.count == plan.requests else {
            throw BenchError("h2load answered \(latencies.count) of \(plan.requests) requests")
        }
        func microseconds(_ share: Double) -> Double {
            Double(latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))])
        }
        return LoadResult(
            requests: latencies.count,
            seconds: seconds,
            processorSeconds: processor,
            p50Microseconds: microseconds(0.5),
            p99Microseconds: microseconds(0.99),
            sample: []
        )
    }

    /// Runs h2load.
    ///
    /// - Returns: How many seconds it took by its own count.
    private func load(_ requests: Int, logPath: String?) throws -> Double {
        var bytes: [UInt8] = []
        plan.request(0, 0, &bytes)
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        let path = lines.first?.split(separator: " ").dropFirst().first ?? "/"
        var arguments = [
            "h2load", "--requests=\(requests)", "--clients=\(min(plan.connections, requests))",
            "--max-concurrent-streams=\(streams)",
        ]
        for line in lines.dropFirst() where !line.lowercased().hasPrefix("host:") {
            arguments.append("--header=\(line)")
        }
        if let logPath { arguments.append("--log-file=\(logPath)") }
        let scheme = target.tls == nil ? "http" : "https"
        arguments.append("\(scheme)://127.0.0.1:\(target.port)\(path)")
        let output = try ChildProcess.run(arguments, in: folder)
        guard
            let line = output.split(separator: "\n").first(where: { $0.hasPrefix("finished in ") }),
            let word = line.split(separator: " ").dropFirst(2).first,
            let seconds = Self.seconds(word)
        else { throw BenchError("h2load says: \(output)") }
        return seconds
    }

    /// Reads a time such as `1.52s` or `820.10ms`.
    private static func seconds(_ text: Substring) -> Double? {
        let number = text.prefix { $0.isNumber || $0 == "." }
        let units = ["s": 1, "ms": 1e-3, "us": 1e-6]
        let unit = text.dropFirst(number.count).prefix { $0.isLetter }
        guard let value = Double(number), let factor = units[String(unit)] else { return nil }
        return value * factor
    }

    /// The times from request to answer in microseconds, sorted.
    private func readLog(_ path: String) throws -> [Int] {
        try Files.text(path).split(separator: "\n").map { line in
            let columns = line.split(separator: "\t")
            guard columns.count >= 3, let status = Int(columns[1]), let duration = Int(columns[2])
            else { throw BenchError("h2load's log holds: \(line)") }
            guard status == plan.expectedStatus else {
                throw BenchError("expected \(plan.expectedStatus), got \(status)")
            }
            return duration
        }.sorted()
    }
}
