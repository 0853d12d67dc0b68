/// Whether two byte strings are the same, in a time that does not depend on where they differ.
///
/// The lengths are no secret: strings of different length are told apart at once.
package func constantTimeEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    return difference(left, right) == 0
}

/// Whether two byte strings are the same, in a time that does not depend on where they differ.
package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    constantTimeEqual(left.span, right.span)
}

/// Whether two texts have the same bytes, in a time that does not depend on where they differ.
package func constantTimeEqual(_ left: String, _ right: String) -> Bool {
    constantTimeEqual(left.utf8.span, right.utf8.span)
}

// Kept out of line so that no caller's knowledge of one side lets the optimiser leave early.
@inline(never)
private func difference(_ left: Span<UInt8>, _ right: Span<UInt8>) -> UInt8 {
    var bits: UInt8 = 0
    for index in left.indices { bits |= left[index] ^ right[index] }
    return bits
}
