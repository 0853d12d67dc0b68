import Primitives

/// The date format of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
package enum HTTPDate {
    /// The moment in that format, whole seconds.
    package static func text(_ moment: Timestamp) -> String {
        let names: StaticString = "ThuFriSatSunMonTueWed"
        let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        let clamped = min(max(moment, .earliestWritable), .latestWritable)
        let days = clamped.seconds.flooredQuotient(86_400)
        let second = Int(clamped.seconds - days * 86_400)
        let date = civilDate(days)
        let out = ByteBuffer(capacity: 64)
        out.append(names, at: Int(days - days.flooredQuotient(7) * 7))
        out.append(", ")
        out.append(decimal: date.day, digits: 2)
        out.append(" ")
        out.append(months, at: date.month - 1)
        out.append(" ")
        out.append(decimal: date.year, digits: 4)
        out.append(" ")
        out.append(decimal: second / 3600, digits: 2)
        out.append(":")
        out.append(decimal: second / 60 % 60, digits: 2)
        out.append(":")
        out.append(decimal: second % 60, digits: 2)
        out.append(" GMT")
        return String(decoding: out.readable, as: UTF8.self)
    }

    /// The day of the proleptic Gregorian calendar, by Howard Hinnant's `civil_from_days`.
    private static func civilDate(_ days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (Int(year), Int(month), Int(day))
    }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension ByteBuffer {
    /// Appends the name at this place of a run of three-letter names.
    fileprivate func append(_ names: StaticString, at index: Int) {
        append(UnsafeRawBufferPointer(start: names.utf8Start + 3 * index, count: 3))
    }

    fileprivate func append(decimal number: Int, digits: Int) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(truncatingIfNeeded: 48 + number / divisor % 10))
            divisor /= 10
        }
    }
}
