/// Turns the writes of a task into attempts: each is carried out, looked at and taken back.
///
/// It works below everything that writes, so that no code that is tried can leave something behind.
package struct Rehearsal: Sendable {
    /// What the running task's writes are turned into; nil when they are meant.
    @TaskLocal package static var current: Rehearsal?

    /// What is seen of the database in the transaction of the attempt, behind the write.
    package typealias Look = @Sendable (borrowing Transaction) throws -> [UInt8]

    /// How an attempt ends: as the error that takes its write back.
    package struct Finding: Error {
        /// What the look gave.
        package let bytes: [UInt8]
    }

    private let begin: @Sendable (borrowing Transaction) throws -> Look

    /// - Parameter begin: looks at the database before the write and gives what looks at it after.
    package init(_ begin: @escaping @Sendable (borrowing Transaction) throws -> Look) {
        self.begin = begin
    }

    /// The write as an attempt.
    ///
    /// - Throws: `Finding`, or what the write itself throws.
    func attempt<T>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) -> @Sendable (borrowing Transaction) throws -> T {
        { [begin] tx in
            let look = try begin(tx)
            _ = try body(tx)
            throw Finding(bytes: try look(tx))
        }
    }
}
