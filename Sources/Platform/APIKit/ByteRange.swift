import HTTPCore

/// What a `Range` field asks for of a body of some length (RFC 9110 §14).
///
/// One range of bytes is served. Several at once, other units and what is no range are passed
/// over, as the RFC allows: the whole body is the answer.
enum ByteRange: Equatable {
    case whole
    case part(Range<Int>)
    case unsatisfiable

    init(_ field: ArraySlice<UInt8>, length: Int) {
        let unit = Array("bytes=".utf8)
        guard field.count > unit.count,
            zip(field, unit).allSatisfy({ $0 | ($0 == UInt8(ascii: "=") ? 0 : 0x20) == $1 })
        else {
            self = .whole
            return
        }
        let ends = field.dropFirst(unit.count)
            .split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1])
        else {
            self = .whole
            return
        }
        switch (first, last) {
        case (nil, nil): self = .whole
        case (nil, let count?):
            let count = min(count, length)
            self = count > 0 ? .part(length - count..<length) : .unsatisfiable
        case (let first?, let last):
            let last = last ?? .max
            guard first <= last else {
                self = .whole
                return
            }
            self = first < length ? .part(first..<min(last, length - 1) + 1) : .unsatisfiable
        }
    }

    /// Digits as a number, too many of them as the greatest one, and none as none; the outer `nil`
    /// says that something else stands there.
    private static func number(_ text: ArraySlice<UInt8>) -> Int?? {
        guard !text.isEmpty else { return .some(nil) }
        var value = 0
        for byte in text {
            guard (0x30...0x39).contains(byte) else { return nil }
            let (tenfold, isLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = tenfold.addingReportingOverflow(Int(byte - 0x30))
            value = isLarge || isLarger ? .max : sum
        }
        return value
    }
}
