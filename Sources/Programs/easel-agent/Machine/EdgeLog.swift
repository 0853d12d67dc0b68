import Glibc
import Primitives
import Synchronization
import Telemetry

/// `edge.log`: one line an event, for whoever stands in front of the appliance.
///
/// Begins anew at 10 MB and keeps one former file, `edge.log.1`. Lines go to standard error too
/// when that is a terminal.
final class EdgeLog: Sendable {
    enum Level: String, Sendable {
        case info = "INFO "
        case warning = "WARN "
        case error = "ERROR"
    }

    static let fileName = "edge.log"
    static let bytesMax = 10 << 20

    private struct Open {
        var file: Int32 = -1
        var bytes = 0
    }

    private let path: String
    private let bytesMax: Int
    private let toTerminal: Bool
    private let state = Mutex(Open())

    init(path: String, bytesMax: Int = EdgeLog.bytesMax, toTerminal: Bool) {
        self.path = path
        self.bytesMax = bytesMax
        self.toTerminal = toTerminal
    }

    deinit {
        state.withLock { if $0.file >= 0 { close($0.file) } }
    }

    /// Writes a line.
    ///
    /// A disk that takes none is no reason to stop.
    func write(_ level: Level, _ message: String, at moment: Timestamp = .now()) {
        let line = Array(
            "\(moment.text) \(level.rawValue) \(LogLines.printable(message))\n".utf8
        )
        state.withLock { open in
            if open.file >= 0, open.bytes + line.count > bytesMax {
                close(open.file)
                open.file = -1
                rename(path, path + ".1")
            }
            if open.file < 0 { openFile(&open) }
            if open.file >= 0 {
                open.bytes += max(0, Glibc.write(open.file, line, line.count))
            }
        }
        if toTerminal { _ = Glibc.write(STDERR_FILENO, line, line.count) }
    }

    private func openFile(_ open: inout Open) {
        open.file = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        var status = stat()
        open.bytes =
            open.file >= 0 && fstat(open.file, &status) == 0 ? Int(status.st_size) : 0
    }
}
