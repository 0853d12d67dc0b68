import Glibc

/// An open file that closes itself.
struct Descriptor: ~Copyable {
    let number: Int32

    init?(_ number: Int32) {
        guard number >= 0 else { return nil }
        self.number = number
    }

    deinit { close(number) }
}

/// Repeats a system call while a signal interrupts it.
func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// The text of an error number, such as `No such file or directory`.
func text(ofError number: Int32) -> String {
    String(cString: strerror(number))
}
