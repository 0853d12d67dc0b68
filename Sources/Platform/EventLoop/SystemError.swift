import Glibc

/// A system call that failed for a reason the caller has to deal with.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The call's name, such as `bind`.
    package let call: String
    /// The `errno` it left.
    package let code: Int32

    /// Keeps the call's name and its `errno`.
    package init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    /// The call and the system's words for the code, such as `bind: Address already in use`.
    package var description: String {
        "\(call): \(String(cString: strerror(code)))"
    }
}

/// What became of one read or write on a socket.
package enum TransferResult: Sendable, Equatable {
    /// This many bytes moved; never 0.
    case bytes(Int)
    /// Nothing moved now; the loop reports when it is worth another try.
    case wouldBlock
    /// The peer sends no more (reads only).
    case finished
    /// The connection is broken, by this `errno`.
    case broken(Int32)
}
