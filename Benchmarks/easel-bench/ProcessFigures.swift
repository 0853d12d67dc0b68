import Glibc

/// What the kernel says about a running process.
enum ProcessFigures {
    /// Memory in bytes.
    struct Memory {
        let resident: Int
        /// Without the pages that files lend: code and the database's map.
        let anonymous: Int
    }

    /// The processor time of all threads so far, in seconds, of user and kernel together.
    static func processorSeconds(_ identifier: pid_t) throws -> Double {
        let text = try Files.text("/proc/\(identifier)/stat")
        // The name may hold spaces, so counting begins behind its bracket.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let kernel = Double(fields[12])
        else { throw BenchError("cannot read the processor time of \(identifier)") }
        return (user + kernel) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    static func memory(_ identifier: pid_t) throws -> Memory {
        let text = try Files.text("/proc/\(identifier)/smaps_rollup")
        func bytes(_ name: String) throws -> Int {
            for line in text.split(separator: "\n") where line.hasPrefix(name) {
                let words = line.split(separator: " ")
                if words.count > 1, let kilobytes = Int(words[1]) { return kilobytes * 1024 }
            }
            throw BenchError("cannot read the memory of \(identifier)")
        }
        return Memory(resident: try bytes("Rss:"), anonymous: try bytes("Anonymous:"))
    }

    /// The first process that this one has started.
    static func child(of identifier: pid_t) -> pid_t? {
        let path = "/proc/\(identifier)/task/\(identifier)/children"
        return (try? Files.text(path))?.split(separator: " ").first.flatMap { pid_t($0) }
    }

    /// The processor's name.
    static var processorName: String {
        let text = (try? Files.text("/proc/cpuinfo")) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown"
    }

    static var kernelRelease: String {
        let text = (try? Files.text("/proc/sys/kernel/osrelease")) ?? ""
        return String(text.prefix { $0 != "\n" })
    }
}
