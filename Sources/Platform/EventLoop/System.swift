import CSystem
import Glibc

/// The system calls of the server, in one place: EINTR is retried and EAGAIN is a value.
///
/// An `errno` that only a fault of ours can cause (a closed descriptor, a bad pointer) traps,
/// because the next call would act on somebody else's descriptor.
package enum System {
    /// Reads into the buffer.
    ///
    /// The buffer must not be empty.
    package static func receive(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> TransferResult {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .finished }
            if let result = failure("recv", errno) { return result }
        }
    }

    /// Writes from the buffer, without ever raising SIGPIPE.
    package static func send(
        _ descriptor: Int32,
        _ buffer: UnsafeRawBufferPointer
    ) -> TransferResult {
        while true {
            let count = Glibc.send(
                descriptor,
                buffer.baseAddress,
                buffer.count,
                Int32(MSG_NOSIGNAL)
            )
            if count >= 0 { return .bytes(count) }
            if let result = failure("send", errno) { return result }
        }
    }

    /// Nil when the call has to be made again.
    private static func failure(_ call: StaticString, _ code: Int32) -> TransferResult? {
        switch code {
        case EINTR: return nil
        case EAGAIN: return .wouldBlock
        default:
            precondition(code != EBADF && code != EFAULT && code != ENOTSOCK, "\(call) misused")
            return .broken(code)
        }
    }

    /// Tells the peer that nothing more will be sent; a broken connection is no error here.
    package static func finishSending(_ descriptor: Int32) {
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Sets an integer option of a socket; a kernel without it is no error.
    package static func setOption(
        _ descriptor: Int32,
        level: Int32,
        _ name: Int32,
        _ value: Int32
    ) {
        var value = value
        _ = setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sends small answers at once instead of waiting for more (`TCP_NODELAY`).
    package static func sendWithoutDelay(_ descriptor: Int32) {
        setOption(descriptor, level: Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Makes writes to a closed connection an error instead of a signal, for the whole process.
    package static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Raises the limit of open descriptors to the most the system allows.
    ///
    /// - Returns: The limit now in force.
    package static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 {
                limit = raised
            }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
