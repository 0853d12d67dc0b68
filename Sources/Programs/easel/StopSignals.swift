import Glibc

/// Waits for SIGTERM and SIGINT on a thread of its own.
enum StopSignals {
    /// Takes the signals away from every thread made after this call; must run before the first
    /// thread is made.
    static func block() {
        var set = signalSet()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Blocks until the first signal comes.
    static func wait() -> Int32 {
        var set = signalSet()
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    /// Ends the process at the next signal, on whatever thread it arrives.
    static func exitOnNext() {
        var set = signalSet()
        signal(SIGTERM) { _ in _exit(1) }
        signal(SIGINT) { _ in _exit(1) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    private static func signalSet() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        return set
    }
}
