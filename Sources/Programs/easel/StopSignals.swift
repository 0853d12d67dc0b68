import Glibc

/// Waits for SIGTERM, SIGINT and SIGHUP.
enum StopSignals {
    /// Takes the signals away from every thread made after this call; must run before the first
    /// thread is made.
    static func block() {
        var set = signalSet([SIGTERM, SIGINT, SIGHUP])
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Blocks until the next signal comes.
    static func wait() -> Int32 {
        var set = signalSet([SIGTERM, SIGINT, SIGHUP])
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    /// Ends the process at the next signal to stop, on whatever thread it arrives.
    static func exitOnNext() {
        var set = signalSet([SIGTERM, SIGINT])
        signal(SIGTERM) { _ in _exit(1) }
        signal(SIGINT) { _ in _exit(1) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    private static func signalSet(_ numbers: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        return set
    }
}
