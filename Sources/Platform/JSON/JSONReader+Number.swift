// Numbers: integers and short decimals are computed here exactly; the rest goes to the standard
// library's parser.
extension JSONReader {
    mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        let isNegative = base[at] == UInt8(ascii: "-")
        if isNegative { at += 1 }
        var digits = Digits()
        guard let lead = digit(at: at) else {
            throw failure("A digit should follow the minus sign.")
        }
        digits.take(lead)
        at += 1
        if lead == 0, digit(at: at) != nil {
            throw failure("A number must not start with a zero.", at: start)
        }
        while let next = digit(at: at), lead != 0 {
            digits.take(next)
            at += 1
        }
        var isInteger = true
        var exponent = 0
        if at < count, base[at] == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            let fraction = at
            while let next = digit(at: at) {
                digits.take(next)
                at += 1
            }
            guard at > fraction else { throw failure("A digit should follow the point.") }
            exponent = fraction - at
        }
        if at < count, base[at] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            exponent += try exponentPart()
        }
        guard at - start <= limits.numberBytesMax else {
            throw failure("This number has too many digits.", at: start)
        }
        if isInteger { return .int(try integer(digits, isNegative: isNegative, start)) }
        return .double(try double(digits, exponent, isNegative: isNegative, start))
    }

    private func digit(at position: Int) -> UInt8? {
        guard position < count else { return nil }
        let value = base[position] &- 0x30
        return value <= 9 ? value : nil
    }

    /// Reads `e+12`; an exponent of more than six digits counts as a million.
    private mutating func exponentPart() throws(JSONError) -> Int {
        at += 1
        var isNegative = false
        if at < count, base[at] == UInt8(ascii: "+") || base[at] == UInt8(ascii: "-") {
            isNegative = base[at] == UInt8(ascii: "-")
            at += 1
        }
        guard digit(at: at) != nil else { throw failure("The exponent has no digits.") }
        var exponent = 0
        while let next = digit(at: at) {
            exponent = min(exponent * 10 + Int(next), 1_000_000)
            at += 1
        }
        return isNegative ? -exponent : exponent
    }

    private func integer(
        _ digits: Digits,
        isNegative: Bool,
        _ start: Int
    ) throws(JSONError) -> Int64 {
        if !digits.hasOverflowed {
            if let number = Int64(exactly: digits.value) { return isNegative ? -number : number }
            if isNegative, digits.value == Int64.min.magnitude { return .min }
        }
        throw failure("This integer does not fit into 64 bits; send it as a string.", at: start)
    }

    private func double(
        _ digits: Digits,
        _ exponent: Int,
        isNegative: Bool,
        _ start: Int
    ) throws(JSONError) -> Double {
        // Both operands are exact and one operation rounds once (Clinger 1990).
        if !digits.hasOverflowed, digits.value < 1 << 53, (-22...22).contains(exponent) {
            let power = Self.powersOfTen[abs(exponent)]
            let magnitude = Double(digits.value)
            let number = exponent < 0 ? magnitude / power : magnitude * power
            return isNegative ? -number : number
        }
        let spelling = UnsafeBufferPointer(start: base + start, count: at - start)
        guard let number = Double(String(decoding: spelling, as: UTF8.self)), number.isFinite
        else {
            throw failure("This number is too large for a 64-bit floating point number.", at: start)
        }
        return number
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    /// The digits of a number so far, as one integer.
    private struct Digits {
        var value: UInt64 = 0
        var hasOverflowed = false

        mutating func take(_ digit: UInt8) {
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = scaled.addingReportingOverflow(UInt64(digit))
            value = sum
            hasOverflowed = hasOverflowed || tooLarge || carried
        }
    }
}
