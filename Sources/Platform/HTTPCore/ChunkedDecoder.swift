/// Takes the chunked transfer coding off a body (RFC 9112 §7.1).
///
/// Strict about line ends and digits; extensions and trailers are bounded and dropped.
package struct ChunkedDecoder {
    /// What the bytes so far amount to.
    package enum Step: Sendable, Equatable {
        /// All the bytes were used and the body goes on.
        case needsMore
        /// The body is complete; this many of the bytes belonged to it.
        case complete(bytes: Int)
        /// Answer with the fault and close.
        case refuse(ProtocolFault)
    }

    private enum State {
        case size(digits: Int)
        case `extension`(length: Int)
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case endLineFeed
    }

    private let chunkExtensionBytesMax: Int
    private let trailerBytesMax: Int
    private var state = State.size(digits: 0)
    /// The size of the chunk while it is read, then the bytes of it still to come.
    private var remaining = 0
    private var trailerBytes = 0

    /// 15 hex digits always fit in 63 bits.
    private static let sizeDigitsMax = 15

    /// Makes a decoder at the beginning of a body.
    package init(limits: HTTPLimits) {
        chunkExtensionBytesMax = limits.chunkExtensionBytesMax
        trailerBytesMax = limits.trailerBytesMax
    }

    /// Takes the next bytes and appends what they hold to the body.
    ///
    /// - Parameter bodyBytesMax: A body that would grow longer is refused with 413.
    package mutating func feed(
        _ bytes: Span<UInt8>,
        into body: inout [UInt8],
        bodyBytesMax: Int
    ) -> Step {
        bytes.withUnsafeBufferPointer { bytes in
            do throws(ProtocolFault) {
                var index = 0
                while index < bytes.count {
                    if case .data = state {
                        let taken = min(remaining, bytes.count - index)
                        body.append(contentsOf: bytes[index..<index + taken])
                        index += taken
                        remaining -= taken
                        if remaining == 0 { state = .dataReturn }
                    } else {
                        let isComplete = try take(bytes[index], body.count, bodyBytesMax)
                        index += 1
                        if isComplete { return .complete(bytes: index) }
                    }
                }
                return .needsMore
            } catch {
                return .refuse(error)
            }
        }
    }

    /// Takes a byte that is not data.
    ///
    /// - Returns: Whether it was the last of the body.
    private mutating func take(
        _ byte: UInt8,
        _ bodyCount: Int,
        _ bodyBytesMax: Int
    ) throws(ProtocolFault) -> Bool {
        switch state {
        case .size(let digits):
            try takeSize(byte, digits)
        case .extension(let length):
            if byte == 13 {
                state = .sizeLineFeed
            } else {
                guard length < chunkExtensionBytesMax else {
                    throw .badRequest("A chunk extension is too long.")
                }
                try refuseControl(byte)
                state = .extension(length: length + 1)
            }
        case .sizeLineFeed:
            try expect(10, byte)
            guard remaining <= bodyBytesMax - bodyCount else { throw .bodyTooLarge }
            state = remaining == 0 ? .trailerStart : .data
        case .data:
            break
        case .dataReturn:
            try expect(13, byte)
            state = .dataLineFeed
        case .dataLineFeed:
            try expect(10, byte)
            state = .size(digits: 0)
        case .endLineFeed:
            try expect(10, byte)
            return true
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed:
            try takeTrailer(byte)
        }
        return false
    }

    private mutating func takeSize(_ byte: UInt8, _ digits: Int) throws(ProtocolFault) {
        if let value = hexValue(byte) {
            guard digits < Self.sizeDigitsMax else { throw .badRequest("A chunk is too large.") }
            remaining = remaining << 4 | Int(value)
            state = .size(digits: digits + 1)
            return
        }
        guard digits > 0 else { throw .badRequest("A chunk size is malformed.") }
        switch byte {
        case 13: state = .sizeLineFeed
        case 59: state = .extension(length: 0)
        default: throw .badRequest("A chunk size is malformed.")
        }
    }

    private mutating func takeTrailer(_ byte: UInt8) throws(ProtocolFault) {
        trailerBytes += 1
        guard trailerBytes <= trailerBytesMax else { throw .headTooLarge }
        switch state {
        case .trailerStart where byte == 13:
            state = .endLineFeed
        case .trailerStart:
            guard CharacterClass.token.contains(byte) else {
                throw .badRequest("A trailer field is malformed.")
            }
            state = .trailerName
        case .trailerName:
            if byte == 58 {
                state = .trailerValue
            } else if !CharacterClass.token.contains(byte) {
                throw .badRequest("A trailer field is malformed.")
            }
        case .trailerValue where byte == 13:
            state = .trailerLineFeed
        case .trailerValue:
            try refuseControl(byte)
        default:
            try expect(10, byte)
            state = .trailerStart
        }
    }

    private func expect(_ wanted: UInt8, _ byte: UInt8) throws(ProtocolFault) {
        guard byte == wanted else { throw .badRequest("The chunked body is malformed.") }
    }

    private func refuseControl(_ byte: UInt8) throws(ProtocolFault) {
        guard byte >= 32 && byte != 127 || byte == 9 else {
            throw .badRequest("The chunked body holds a control character.")
        }
    }
}
