/// What tells one life of an agent from another: the header `Easel-Poll` of its requests.
///
/// An agent draws `run` at random when it starts and counts its polls from 1. Neither is stored,
/// so that a copied disk and a restored state file bring no stamp with them.
package struct PollStamp: Sendable, Hashable {
    package let run: UInt64
    package let count: UInt64

    /// The stamp of an agent that has started and not polled yet.
    package static func start(random: UInt64) -> PollStamp {
        PollStamp(run: max(1, random), count: 0)
    }

    /// The stamp of the next poll.
    package var next: PollStamp { PollStamp(run: run, count: count &+ 1) }

    /// What an agent that sends no header counts as.
    package static let none = PollStamp(run: 0, count: 0)

    package init(run: UInt64, count: UInt64) {
        self.run = run
        self.count = count
    }

    /// Reads `<run as hex>.<count>`; `nil` for anything else.
    ///
    /// It runs in each poll and makes nothing.
    package init?(text: ArraySlice<UInt8>) {
        var run: UInt64 = 0
        var count: UInt64 = 0
        var hexDigits = 0
        var digits = 0
        var isCounting = false
        for byte in text {
            if isCounting {
                guard (0x30...0x39).contains(byte), digits < 18 else { return nil }
                count = count * 10 + UInt64(byte - 0x30)
                digits += 1
            } else if byte == UInt8(ascii: ".") {
                isCounting = true
            } else {
                guard let digit = Self.hexDigit(byte), hexDigits < 16 else { return nil }
                run = run << 4 | digit
                hexDigits += 1
            }
        }
        guard hexDigits > 0, digits > 0, run > 0 else { return nil }
        self.init(run: run, count: count)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }

    /// The stamp as it stands in the header.
    package var text: String { String(run, radix: 16) + ".\(count)" }
}
