import Primitives
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_709_238_702_204, "2024-02-29T20:31:42.204Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)]
    )
    func `writes and reads known moments`(milliseconds: Int64, text: String) {
        let moment = Timestamp(milliseconds: milliseconds)
        #expect(moment.text == text)
        #expect(Timestamp(rfc3339: text) == moment)
        var bytes: [UInt8] = [0x22]
        moment.append(to: &bytes)
        #expect(bytes == [0x22] + Array(text.utf8))
    }

    @Test func `never is the zero time of Go`() {
        #expect(Timestamp.never.text == "0001-01-01T00:00:00.000Z")
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `reads back what it wrote`(seed: UInt64) {
        var generator = SplitMix(state: seed)
        let first = Timestamp.earliestWritable.milliseconds
        let last = Timestamp.latestWritable.milliseconds
        for _ in 0..<20_000 {
            let moment = Timestamp(milliseconds: .random(in: first...last, using: &generator))
            #expect(Timestamp(rfc3339: moment.text) == moment, "seed \(seed)")
        }
    }

    @Test func `every day follows the one before it`() {
        var former = Timestamp.earliestWritable.text
        for day in 1...(800 * 366) {
            let text = Timestamp.earliestWritable.adding(seconds: Int64(day) * 86_400).text
            guard former < text else {
                Issue.record("\(former) is followed by \(text)")
                return
            }
            former = text
        }
    }

    @Test(arguments: [
        ("2024-02-29T20:31:42Z", "2024-02-29T20:31:42.000Z"),
        ("2024-02-29T20:31:42.2Z", "2024-02-29T20:31:42.200Z"),
        ("2024-02-29T20:31:42.204999999999999999999Z", "2024-02-29T20:31:42.204Z"),
        ("2024-02-29T22:31:42.204+02:00", "2024-02-29T20:31:42.204Z"),
        ("2024-02-29T00:01:42.5-00:30", "2024-02-29T00:31:42.500Z"),
        ("2024-03-01T01:00:00+05:45", "2024-02-29T19:15:00.000Z"),
        ("2024-02-29t20:31:42z", "2024-02-29T20:31:42.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2017-01-01T05:29:60+05:30", "2017-01-01T00:00:00.000Z"),
    ])
    func `reads every form RFC 3339 allows`(text: String, same: String) {
        #expect(Timestamp(rfc3339: text)?.text == same)
    }

    @Test(arguments: [
        "", "2024-02-29", "2024-02-29T20:31:42", "2024-02-29 20:31:42Z", "2024-02-29T20:31:42.Z",
        "2023-02-29T20:31:42Z", "2100-02-29T20:31:42Z", "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-04-31T00:00:00Z",
        "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z",
        "2024-01-01T12:00:60Z", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00+01:60", "2024-01-01T00:00:00Zz", "2024-01-01T00:00:00+01:000",
        "02024-01-01T00:00:00Z", "+024-01-01T00:00:00Z", "2024-1-01T00:00:00.00Z",
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "２024-01-01T00:00:00Z",
    ])
    func `refuses what is not RFC 3339`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: [7, 8] as [UInt64])
    func `reading noise never traps`(seed: UInt64) {
        var generator = SplitMix(state: seed)
        let alphabet = Array("0123456789-:.TtZz+ \u{0}é".utf8)
        for _ in 0..<20_000 {
            var bytes = Array("2024-02-29T20:31:42.204Z".utf8)
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
                    alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            bytes.removeLast(Int.random(in: 0...3, using: &generator))
            if let moment = Timestamp(rfc3339: bytes.span) {
                #expect(Timestamp(rfc3339: moment.text) == moment)
            }
        }
    }

    @Test func `arithmetic saturates`() {
        let last = Timestamp(milliseconds: .max)
        let first = Timestamp(milliseconds: .min)
        #expect(last.adding(seconds: 1) == last)
        #expect(first.adding(seconds: -1) == first)
        #expect(Timestamp(seconds: .max) == last)
        #expect(Timestamp(milliseconds: 0).adding(seconds: .min) == first)
        #expect(last.milliseconds(since: first) == .max)
        #expect(first.milliseconds(since: last) == .min)
        #expect(last.text == "9999-12-31T23:59:59.999Z")
        #expect(first.text == "0000-01-01T00:00:00.000Z")
        #expect(Timestamp(milliseconds: -1).seconds == -1)
        #expect(MonotonicTime(nanoseconds: .max).adding(milliseconds: .max).nanoseconds == .max)
    }

    @Test func `the clocks move forward`() {
        let start = MonotonicTime.now()
        #expect(MonotonicTime.now().nanoseconds(since: start) >= 0)
        #expect(Clock.system.now() > Timestamp(seconds: 1_700_000_000))
        #expect(Clock.fixed(.never).now() == .never)
    }
}
