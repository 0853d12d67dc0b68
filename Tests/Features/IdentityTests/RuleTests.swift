import APIKit
import Primitives
import TestSupport
import Testing

@testable import Identity

@Suite("Rules of identity")
struct RuleTests {
    @Test(
        arguments: [
            ("Aa1!aa", []), ("Aa1!" + String(repeating: "x", count: 60), []),
            ("Äö1€öö", []),
            (
                "",
                [
                    "TooShort", "UppercaseRequired", "LowercaseRequired",
                    "DigitRequired", "SpecialRequired",
                ]
            ),
            ("Aa1!a", ["TooShort"]), ("Aa1!" + String(repeating: "x", count: 61), ["TooLong"]),
            ("aa1!aa", ["UppercaseRequired"]), ("AA1!AA", ["LowercaseRequired"]),
            ("Aaa!aa", ["DigitRequired"]), ("Aa1aaa", ["SpecialRequired"]),
            ("Aa1 aaa", ["SpecialRequired"]),
            (
                "password",
                [
                    "UppercaseRequired", "DigitRequired",
                    "SpecialRequired",
                ]
            ),
        ] as [(String, [String])]
    )
    func `a password is told every rule it breaks`(password: String, codes: [String]) {
        #expect(PasswordPolicy.faults(of: password, at: "/password").map(\.code) == codes)
    }

    @Test func `a generated password obeys the policy and is not made twice`() {
        let passwords = (0..<200).map { _ in PasswordPolicy.generate() }
        #expect(Set(passwords).count == 200)
        #expect(passwords.allSatisfy { PasswordPolicy.faults(of: $0, at: "").isEmpty })
        #expect(passwords.allSatisfy { $0.count == 20 })
    }

    @Test(
        arguments: [
            ("ann@example.com", "ann@example.com"), ("  Ann@Example.COM \n", "ann@example.com"),
            ("a.b+c@sub.example.com", "a.b+c@sub.example.com"),
            ("root@localhost", "root@localhost"),
            ("jürgen@müller.example", "jürgen@müller.example"),
            ("", nil), ("ann", nil), ("@example.com", nil), ("ann@", nil), ("a b@example.com", nil),
            ("a@b@c", nil), (".ann@example.com", nil), ("a..b@example.com", nil),
            ("ann@-example.com", nil), ("ann@example..com", nil), ("ann@exa mple.com", nil),
            ("a\u{0}@example.com", nil), ("a,b@example.com", nil),
            (String(repeating: "x", count: 65) + "@example.com", nil),
            ("a@" + String(repeating: "x", count: 64) + ".com", nil),
        ] as [(String, String?)]
    )
    func `an address has one spelling`(raw: String, canonical: String?) {
        #expect(EmailAddress(raw)?.text == canonical)
    }
}

@Suite("Throttling sign-ins")
struct LoginThrottleTests {
    private let throttle = LoginThrottle(entriesMax: 200)
    private let start = TestDispatcher.moment

    /// How long an attempt has to wait; one that is let through fails at once.
    private func fail(
        _ account: String = "ann",
        address: String = "a",
        after seconds: Int64 = 0
    ) -> Int64? {
        let now = start.adding(seconds: seconds)
        switch throttle.begin(account: account, organisation: "", address: address, at: now) {
        case .goOn(let attempt):
            throttle.failed(attempt, at: now)
            return nil
        case .wait(let seconds): return seconds
        }
    }

    @Test func `waits after three failures, longer after four, and locks after five`() {
        for _ in 0..<3 { #expect(fail() == nil) }
        #expect(fail() == 1)
        #expect(fail(after: 1) == nil)
        #expect(fail(after: 1) == 2)
        #expect(fail(after: 3) == nil)
        #expect(fail(after: 3) == 900)
        #expect(fail(after: 902) == 1)
        #expect(fail(after: 903) == nil)
    }

    @Test func `one account's failures do not touch another's`() {
        for _ in 0..<3 { _ = fail("ann", address: "a") }
        #expect(fail("bob", address: "a") == nil)
        #expect(fail("ann", address: "b") == 1)
    }

    @Test func `an address that tries many names is stopped`() {
        for name in 0..<30 { #expect(fail("n\(name)") == nil) }
        #expect(fail("n31") == 1)
        #expect(fail("n31", address: "elsewhere") == nil)
    }

    @Test func `success forgives the account and not the address`() throws {
        for name in 0..<29 { _ = fail("n\(name)") }
        _ = fail("ann", address: "b")
        _ = fail("ann", address: "b")
        guard
            case .goOn(let attempt) = throttle.begin(
                account: "ann",
                organisation: "",
                address: "a",
                at: start
            )
        else {
            Issue.record("refused")
            return
        }
        throttle.succeeded(attempt)
        for _ in 0..<3 { #expect(fail("ann", address: "b") == nil) }
        #expect(fail("x") == nil)
        #expect(fail("y") == 1)
    }

    @Test func `failures are forgotten in time`() {
        for _ in 0..<2 { _ = fail() }
        #expect(fail(after: 901) == nil)
        #expect(fail(after: 901) == nil)
        #expect(fail(after: 901) == nil)
        #expect(fail(after: 901) == 1)
    }

    @Test func `attempts at once count before they end`() {
        var through = 0
        for _ in 0..<1000 {
            if case .goOn = throttle.begin(
                account: "ann",
                organisation: "",
                address: "a",
                at: start
            ) {
                through += 1
            }
        }
        #expect(through == LoginThrottle.Limits.account.attemptsAtOnceMax)
        _ = fail("bob", address: "b")
        for _ in 0..<1000 {
            _ = throttle.begin(account: "bob", organisation: "", address: "b", at: start)
        }
        // One failure and four under way.
        guard
            case .wait = throttle.begin(account: "bob", organisation: "", address: "c", at: start)
        else {
            Issue.record("let through")
            return
        }
    }

    @Test func `memory is bounded, and a flood does not wash out a lock`() {
        for round in 0..<3 { _ = fail("victim", address: "v", after: Int64(round)) }
        _ = fail("victim", address: "v", after: 10)
        _ = fail("victim", address: "v", after: 20)
        for number in 0..<1000 {
            _ = fail("n\(number)", address: "a\(number)", after: 21)
        }
        #expect(throttle.entryCount <= 201)
        #expect((fail("victim", address: "w", after: 22) ?? 0) > 800)
    }
}
