/// One write that waits for its commit.
///
/// Touched by the submitter before it is queued and by the writer's thread afterwards.
class WriteJob: @unchecked Sendable {
    /// What its body threw.
    var failure: (any Error)?

    /// Runs the body.
    func run(_ tx: borrowing Transaction) throws {}

    /// Tells the submitter how it ended; with an error when the whole batch failed.
    func finish(_ batchFailure: StorageError?) {}
}

/// A write whose body gives a value.
final class ValueJob<Value: Sendable>: WriteJob, @unchecked Sendable {
    private let body: @Sendable (borrowing Transaction) throws -> Value
    private let completion: @Sendable (Result<Value, any Error>) -> Void
    private var value: Value?

    init(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value,
        completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        self.body = body
        self.completion = completion
    }

    override func run(_ tx: borrowing Transaction) throws {
        value = try body(tx)
    }

    override func finish(_ batchFailure: StorageError?) {
        if let failure {
            completion(.failure(failure))
        } else if let value, batchFailure == nil {
            completion(.success(value))
        } else {
            completion(
                .failure(
                    batchFailure ?? StorageError(.other(code: 0), "The write was never run.")
                )
            )
        }
    }
}
