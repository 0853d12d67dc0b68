import Primitives

/// Names one timer of a loop; becomes meaningless once the timer has fired or was cancelled.
package struct TimerHandle: Sendable, Hashable {
    let slot: Int
    let generation: UInt32
}

/// Timers ordered by deadline: a binary heap over stable slots.
///
/// A heap and not a wheel: it wakes the loop exactly when the next timer is due, and the
/// connections arm their timers so rarely (once per time-out, not once per request) that its
/// logarithm does not show.
struct TimerHeap {
    typealias Body = () -> Void

    private struct Slot {
        var generation: UInt32 = 0
        var position = -1
        var body: Body?
    }

    private struct Entry {
        var deadline: MonotonicTime
        var slot: Int
    }

    private var entries: [Entry] = []
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []

    var count: Int { entries.count }
    /// When the next timer is due; nil when there is none.
    var nextDeadline: MonotonicTime? { entries.first?.deadline }

    mutating func insert(_ deadline: MonotonicTime, _ body: @escaping Body) -> TimerHandle {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = slots.count
            slots.append(Slot())
        }
        slots[slot].body = body
        slots[slot].position = entries.count
        entries.append(Entry(deadline: deadline, slot: slot))
        siftUp(entries.count - 1)
        return TimerHandle(slot: slot, generation: slots[slot].generation)
    }

    /// Takes the timer away.
    ///
    /// - Returns: Whether it was still waiting.
    @discardableResult
    mutating func remove(_ handle: TimerHandle) -> Bool {
        guard slots.indices.contains(handle.slot),
            slots[handle.slot].generation == handle.generation,
            slots[handle.slot].position >= 0
        else { return false }
        _ = removeEntry(at: slots[handle.slot].position)
        return true
    }

    /// Takes the first timer whose deadline has come.
    mutating func popDue(_ now: MonotonicTime) -> (deadline: MonotonicTime, body: Body)? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        guard let body = removeEntry(at: 0) else { return nil }
        return (first.deadline, body)
    }

    private mutating func removeEntry(at position: Int) -> Body? {
        let slot = entries[position].slot
        let last = entries.removeLast()
        if position < entries.count {
            entries[position] = last
            slots[last.slot].position = position
            siftDown(position)
            siftUp(slots[last.slot].position)
        }
        let body = slots[slot].body
        slots[slot].body = nil
        slots[slot].position = -1
        slots[slot].generation &+= 1
        freeSlots.append(slot)
        return body
    }

    private mutating func siftUp(_ start: Int) {
        var position = start
        let entry = entries[position]
        while position > 0 {
            let parent = (position - 1) / 2
            guard entry.deadline < entries[parent].deadline else { break }
            entries[position] = entries[parent]
            slots[entries[position].slot].position = position
            position = parent
        }
        entries[position] = entry
        slots[entry.slot].position = position
    }

    private mutating func siftDown(_ start: Int) {
        var position = start
        let entry = entries[position]
        while true {
            var child = 2 * position + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].deadline < entries[child].deadline {
                child += 1
            }
            guard entries[child].deadline < entry.deadline else { break }
            entries[position] = entries[child]
            slots[entries[position].slot].position = position
            position = child
        }
        entries[position] = entry
        slots[entry.slot].position = position
    }
}
