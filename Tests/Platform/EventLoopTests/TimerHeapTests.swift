import Primitives
import Testing

@testable import EventLoop

@Suite("Timers")
struct TimerHeapTests {
    @Test(arguments: [1, 7, 42, 1_000_003])
    func `fire in order of deadline whatever was inserted and removed`(seed: UInt64) {
        var random = SplitMix(state: seed)
        var heap = TimerHeap()
        var waiting: [(deadline: Int64, handle: TimerHandle, number: Int)] = []
        var fired: [Int] = []
        for number in 0..<2000 {
            let deadline = Int64.random(in: 0..<10_000, using: &random)
            let handle = heap.insert(MonotonicTime(nanoseconds: deadline)) { fired.append(number) }
            waiting.append((deadline, handle, number))
            if Int.random(in: 0..<3, using: &random) == 0 {
                let index = Int.random(in: 0..<waiting.count, using: &random)
                let removals = (0..<2).map { _ in heap.remove(waiting[index].handle) }
                #expect(removals == [true, false])
                waiting.remove(at: index)
            }
        }
        #expect(heap.count == waiting.count)
        var former = Int64.min
        while let due = heap.popDue(MonotonicTime(nanoseconds: 20_000)) {
            #expect(due.deadline.nanoseconds >= former, "seed \(seed)")
            former = due.deadline.nanoseconds
            due.body()
        }
        #expect(fired.sorted() == waiting.map(\.number).sorted())
        #expect(heap.nextDeadline == nil)
    }

    @Test func `keep what is not due`() {
        var heap = TimerHeap()
        _ = heap.insert(MonotonicTime(nanoseconds: 10)) {}
        let early = heap.popDue(MonotonicTime(nanoseconds: 9))
        #expect(early == nil)
        let due = heap.popDue(MonotonicTime(nanoseconds: 10))
        #expect(due != nil)
    }

    @Test func `ignore the handle of a timer whose slot has a new tenant`() {
        var heap = TimerHeap()
        let first = heap.insert(MonotonicTime(nanoseconds: 1)) {}
        heap.remove(first)
        _ = heap.insert(MonotonicTime(nanoseconds: 2)) {}
        let removed = heap.remove(first)
        #expect(!removed)
        #expect(heap.count == 1)
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
