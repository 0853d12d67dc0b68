import Glibc
import Synchronization

/// Ctrl-C ends the run in order: what was started is stopped, what was written is removed.
enum Interrupt {
    private static let flag = Atomic<Bool>(false)

    static var isRaised: Bool { flag.load(ordering: .relaxed) }

    /// Takes over SIGINT and SIGTERM.
    static func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in Interrupt.flag.store(true, ordering: .relaxed) }
        }
        signal(SIGPIPE, SIG_IGN)
    }
}
