import Glibc
import Telemetry

/// What the kernel says about this process, under the names that all exporters use.
struct ProcessFigures {
    let cpuSeconds: Double
    let residentBytes: Int
    let virtualBytes: Int
    let openDescriptors: Int
    let descriptorsMax: Int
    let startSeconds: Double

    static func now() -> ProcessFigures {
        let pages = words("/proc/self/statm").map { Int($0) ?? 0 }
        let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return ProcessFigures(
            cpuSeconds: clock(CLOCK_PROCESS_CPUTIME_ID),
            residentBytes: (pages.dropFirst().first ?? 0) * pageBytes,
            virtualBytes: (pages.first ?? 0) * pageBytes,
            openDescriptors: countDescriptors(),
            descriptorsMax: Int(clamping: limit.rlim_cur),
            startSeconds: start
        )
    }

    func write(to text: inout MetricsText) {
        text.family("process_cpu_seconds_total", .counter, "Processor time used.")
        text.sample("process_cpu_seconds_total", seconds: cpuSeconds)
        text.family("process_resident_memory_bytes", .gauge, "Memory that is in use.")
        text.sample("process_resident_memory_bytes", residentBytes)
        text.family("process_virtual_memory_bytes", .gauge, "Memory that is mapped.")
        text.sample("process_virtual_memory_bytes", virtualBytes)
        text.family("process_open_fds", .gauge, "File descriptors that are open.")
        text.sample("process_open_fds", openDescriptors)
        text.family("process_max_fds", .gauge, "File descriptors that may be open.")
        text.sample("process_max_fds", descriptorsMax)
        text.family("process_start_time_seconds", .gauge, "Start of the process, Unix time.")
        text.sample("process_start_time_seconds", seconds: startSeconds)
    }

    /// The start in ticks since the boot is the twentieth word behind the program's name, which
    /// may hold blanks itself and ends with the last parenthesis.
    private static let start: Double = {
        let stat = String(decoding: read("/proc/self/stat"), as: UTF8.self)
        let behindName = stat.split(separator: ")").last ?? ""
        let words = behindName.split(separator: " ")
        let ticks = words.count > 19 ? Double(words[19]) ?? 0 : 0
        let sinceBoot = ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        return clock(CLOCK_REALTIME) - clock(CLOCK_BOOTTIME) + sinceBoot
    }()

    private static func clock(_ id: clockid_t) -> Double {
        var value = timespec()
        clock_gettime(id, &value)
        return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
    }

    /// Linux tells the count as the folder's size from 6.2 on; before, the entries are counted.
    private static func countDescriptors() -> Int {
        var facts = stat()
        if stat("/proc/self/fd", &facts) == 0, facts.st_size > 0 { return Int(facts.st_size) }
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Itself, its parent, and the descriptor that reads it.
        return max(count - 3, 0)
    }

    private static func words(_ path: String) -> [Substring] {
        String(decoding: read(path), as: UTF8.self).split(separator: " ")
    }

    private static func read(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(count, 0)))
    }
}
