// RFC 3339 date-times. The calendar arithmetic counts days in 400-year eras that begin on
// 1 March, so that the leap day is the last day of its year (Hinnant, "chrono-compatible
// low-level date algorithms").

extension Timestamp {
    /// The moment in RFC 3339, UTC, three fraction digits: `2024-02-29T20:31:42.204Z`.
    ///
    /// Moments that four-digit years cannot express are written as the nearest one that can.
    package var text: String {
        String(unsafeUninitializedCapacity: Self.textLength) { buffer in
            writeText(into: buffer)
            return Self.textLength
        }
    }

    /// Appends ``text`` to bytes without making a String.
    package func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.textLength) { buffer in
            writeText(into: buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    /// Bytes of ``text``; always the same.
    package static let textLength = 24

    private func writeText(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        let writable = min(max(self, .earliestWritable), .latestWritable).milliseconds
        let days = writable.flooringDivision(by: 86_400_000)
        let ofDay = Int(writable &- days &* 86_400_000)
        let date = CivilDate(daysSince1970: days)
        func put(_ value: Int, _ digits: Int, at offset: Int, then separator: UInt8) {
            var rest = value
            var position = offset + digits
            buffer[position] = separator
            while position > offset {
                position &-= 1
                buffer[position] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
        }
        put(date.year, 4, at: 0, then: UInt8(ascii: "-"))
        put(date.month, 2, at: 5, then: UInt8(ascii: "-"))
        put(date.day, 2, at: 8, then: UInt8(ascii: "T"))
        put(ofDay / 3_600_000, 2, at: 11, then: UInt8(ascii: ":"))
        put(ofDay / 60_000 % 60, 2, at: 14, then: UInt8(ascii: ":"))
        put(ofDay / 1000 % 60, 2, at: 17, then: UInt8(ascii: "."))
        put(ofDay % 1000, 3, at: 20, then: UInt8(ascii: "Z"))
    }

    /// Reads an RFC 3339 date-time; nil unless the whole text is one.
    ///
    /// Takes any number of fraction digits (those below a millisecond are cut off), `Z` or a
    /// numeric offset, and either case of `T` and `Z` (RFC 3339 §5.6). A leap second is taken only
    /// in the last minute of a UTC day and means the first second of the next.
    package init?(rfc3339 text: String) {
        self.init(rfc3339: text.utf8.span)
    }

    /// Reads an RFC 3339 date-time from its bytes; nil unless all of them are one.
    package init?(rfc3339 bytes: Span<UInt8>) {
        guard bytes.count >= 20,
            let year = number(bytes, 0, 4), bytes[4] == UInt8(ascii: "-"),
            let month = number(bytes, 5, 2), bytes[7] == UInt8(ascii: "-"),
            let day = number(bytes, 8, 2), bytes[10] | 0x20 == UInt8(ascii: "t"),
            let hour = number(bytes, 11, 2), bytes[13] == UInt8(ascii: ":"),
            let minute = number(bytes, 14, 2), bytes[16] == UInt8(ascii: ":"),
            let second = number(bytes, 17, 2),
            1...12 ~= month, 1...CivilDate.days(in: month, of: year) ~= day,
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var position = 19
        guard let fraction = Self.fraction(bytes, &position),
            let offsetMinutes = Self.offset(bytes, position)
        else { return nil }
        let minuteOfDay = hour * 60 + minute - offsetMinutes
        if second == 60, (minuteOfDay + 1) % 1440 != 0 { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSince1970
        let ofDay = Int64(minuteOfDay * 60_000 + second * 1000 + fraction)
        let moment = Timestamp(milliseconds: days * 86_400_000 + ofDay)
        // An offset can carry a moment of the first or the last day out of the four-digit years.
        guard moment >= .earliestWritable, moment <= .latestWritable else { return nil }
        self = moment
    }

    /// The milliseconds of an optional fraction, moving past it.
    ///
    /// Nil when no digit follows the point.
    private static func fraction(_ bytes: Span<UInt8>, _ position: inout Int) -> Int? {
        guard position < bytes.count, bytes[position] == UInt8(ascii: ".") else { return 0 }
        position += 1
        let start = position
        var value = 0
        var weight = 100
        while position < bytes.count, let digit = digit(bytes[position]) {
            value += digit * weight
            weight /= 10
            position += 1
        }
        return position > start ? value : nil
    }

    /// The minutes east of UTC of a zone that ends the text.
    private static func offset(_ bytes: Span<UInt8>, _ position: Int) -> Int? {
        guard position < bytes.count else { return nil }
        let sign = bytes[position]
        if sign | 0x20 == UInt8(ascii: "z") { return position + 1 == bytes.count ? 0 : nil }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            position + 6 == bytes.count,
            let hours = number(bytes, position + 1, 2), hours < 24,
            bytes[position + 3] == UInt8(ascii: ":"),
            let minutes = number(bytes, position + 4, 2), minutes < 60
        else { return nil }
        let total = hours * 60 + minutes
        return sign == UInt8(ascii: "-") ? -total : total
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate {
    var year: Int
    var month: Int
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(daysSince1970 days: Int64) {
        let shifted = days + 719_468
        let era = shifted.flooringDivision(by: 146_097)
        let ofEra = Int(shifted - era * 146_097)
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * ofYear + 2) / 153
        day = ofYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSince1970: Int64 {
        let fromMarch = Int64(month <= 2 ? year - 1 : year)
        let era = fromMarch.flooringDivision(by: 400)
        let yearOfEra = fromMarch - era * 400
        let monthFromMarch = Int64(month > 2 ? month - 3 : month + 9)
        let ofYear = (153 * monthFromMarch + 2) / 5 + Int64(day) - 1
        let ofEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear
        return era * 146_097 + ofEra - 719_468
    }

    static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

private func digit(_ byte: UInt8) -> Int? {
    0x30...0x39 ~= byte ? Int(byte &- 0x30) : nil
}

/// The number of exactly `count` decimal digits at an offset that the caller has checked.
private func number(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Int? {
    var value = 0
    for position in start..<start + count {
        guard let digit = digit(bytes[position]) else { return nil }
        value = value * 10 + digit
    }
    return value
}
