import Primitives
import Testing

@Suite("UID")
struct UIDTests {
    @Test func `is 24 lower-case digits that read back`() throws {
        let uid = UID.make()
        #expect(uid.text.count == 24)
        #expect(uid.text.allSatisfy { "0123456789abcdef".contains($0) })
        #expect(UID(uid.text) == uid)
        var bytes: [UInt8] = []
        uid.append(to: &bytes)
        #expect(bytes == Array(uid.text.utf8))
    }

    @Test func `begins with the seconds of its moment`() {
        #expect(UID.make(at: Timestamp(seconds: 0x65E0_E7AE)).text.hasPrefix("65e0e7ae"))
        #expect(UID.make(at: .never).text.hasPrefix("00000000"))
        #expect(UID.make(at: Timestamp(milliseconds: .max)).text.hasPrefix("ffffffff"))
    }

    @Test(arguments: [
        "", "65e0e7ae", "65E0e7ae0123456789abcdef", "65e0e7ae0123456789abcdeg",
        "65e0e7ae0123456789abcdef0", "+5e0e7ae0123456789abcdef", "65e0e7ae0123456789abcd é",
    ])
    func `refuses anything else`(text: String) {
        #expect(UID(text) == nil)
    }

    @Test func `later ones sort later, as values and as texts`() {
        let moment = Timestamp(seconds: 1_700_000_000)
        var former = UID.make(at: moment)
        for step in 0..<10_000 {
            let next = UID.make(at: moment.adding(seconds: Int64(step / 100)))
            #expect(former < next)
            #expect(former.text < next.text)
            former = next
        }
    }

    @Test func `threads never make the same one`() async {
        let all = await withTaskGroup(of: [UID].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<20_000).map { _ in UID.make(at: Timestamp(seconds: 1)) } }
            }
            var all: Set<UID> = []
            for await made in group { all.formUnion(made) }
            return all
        }
        #expect(all.count == 160_000)
    }
}
