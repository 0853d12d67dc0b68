import FuzzChecks
import Glibc

// libFuzzer has `main` and calls these two. `FUZZ_TARGET` names the check.

nonisolated(unsafe) private var target: FuzzCheck?

/// Called once, before the first input.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutableRawPointer?,
    _ values: UnsafeMutableRawPointer?
) -> CInt {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    target = FuzzCheck.all.first { $0.name == name }
    if target == nil {
        let names = FuzzCheck.all.map(\.name).joined(separator: " ")
        print("FUZZ_TARGET must be one of: \(names)")
        exit(2)
    }
    return 0
}

/// Called for every input.
///
/// A trap is what libFuzzer takes for a find.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target?.run(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        fatalError("\(error)")
    }
    return 0
}
