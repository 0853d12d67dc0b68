import Glibc

/// A file descriptor that has one owner and is closed once, when the owner lets go of it.
package struct Descriptor: ~Copyable, Sendable {
    /// The number the kernel gave; valid as long as this value lives.
    package let number: Int32

    /// Takes ownership of an open descriptor.
    package init(owning number: Int32) {
        precondition(number >= 0, "A descriptor is never negative.")
        self.number = number
    }

    /// Gives up ownership; the caller closes the number.
    package consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    deinit {
        // EINTR is not retried: on Linux the descriptor is gone whatever close answers.
        close(number)
    }
}
