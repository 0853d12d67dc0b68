import Testing

@testable import APIKit

@Suite("Gzipped forms that are kept")
struct KeptFormsTests {
    private static func tag(_ number: Int) -> [UInt8] { Array("\"\(number)\"".utf8) }

    @Test func `are found by the tag, those too that do not pay`() {
        let forms = KeptForms()
        forms.keep([1, 2], as: Self.tag(1))
        forms.keep([], as: Self.tag(2))
        #expect(forms[Self.tag(1)] == [1, 2])
        #expect(forms[Self.tag(2)] == [])
        #expect(forms[Self.tag(3)] == nil)
    }

    @Test func `make room for newer ones, the oldest first`() {
        let forms = KeptForms()
        let third = [UInt8](repeating: 0, count: KeptForms.bytesMax / 3 - 1000)
        for number in 1...4 { forms.keep(third, as: Self.tag(number)) }
        #expect(forms[Self.tag(1)] == nil)
        for number in 2...4 { #expect(forms[Self.tag(number)]?.count == third.count) }
        forms.keep([UInt8](repeating: 0, count: KeptForms.bytesMax), as: Self.tag(5))
        #expect(forms[Self.tag(5)] == nil)
        #expect(forms[Self.tag(2)] != nil)
    }
}
