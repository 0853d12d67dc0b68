/// The loops of a process: one per core by default, each on its own thread.
package final class LoopGroup: Sendable {
    /// The loops, in a fixed order.
    package let loops: [Loop]

    /// Makes this many loops, at least one, and starts their threads.
    ///
    /// - Throws: `SystemError` when the process has no descriptors or threads left.
    package init(count: Int) throws {
        var loops: [Loop] = []
        for index in 0..<max(count, 1) { loops.append(try Loop(name: "loop-\(index)")) }
        self.loops = loops
        for (index, loop) in loops.enumerated() {
            do {
                try loop.start()
            } catch {
                for started in loops[..<index] { started.stop() }
                throw error
            }
        }
    }

    /// Ends all the loops after their present turn and waits for their threads.
    ///
    /// Not from a loop.
    package func shutdown() {
        for loop in loops { loop.stop() }
        for loop in loops { loop.join() }
    }
}
