/// What has to hold for any bytes that a parser is given.
///
/// The fuzzer looks for bytes that break it; an ordinary test runs it over the corpus.
package struct FuzzCheck: Sendable {
    /// The name of its corpus, and of its dictionary when there is one.
    package let name: String
    /// Throws `BrokenPromise` when the promise is broken; what traps is found as well.
    package let run: @Sendable ([UInt8]) throws -> Void

    init(_ name: String, _ run: @escaping @Sendable ([UInt8]) throws -> Void) {
        self.name = name
        self.run = run
    }

    /// All of them.
    package static let all: [FuzzCheck] = [
        .requestHead, .chunkedBody, .http2Session, .json, .yaml, .yamlMerge, .tar, .gzip,
        .searchFilter, .listFilter, .agentMessages, .continueToken, .multipartForm, .texts,
        .helmIndex, .template, .packIndex,
    ]
}

/// A promise that some bytes broke.
package struct BrokenPromise: Error, CustomStringConvertible {
    /// What should have held.
    package let description: String
}

/// - Throws: `BrokenPromise` with the sentence, unless it holds.
func promise(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(BrokenPromise) {
    if !holds { throw BrokenPromise(description: sentence()) }
}

/// A few places to cut that many bytes at: all of them when they are few.
func cuts(_ count: Int) -> [Int] {
    Array(stride(from: 1, to: count, by: max(1, count / 16)))
}
