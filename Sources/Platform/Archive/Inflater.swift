import CZlib
import Glibc

/// Inflates a compressed text that arrives in pieces, under a limit on what comes out.
///
/// Feed every piece, then call `finish`. A second member or anything else after the end is
/// refused (RFC 1952 allows it; nobody needs it here, and it hides data from some readers).
package struct Inflater: ~Copyable {
    /// How the deflated bytes are wrapped.
    package enum Format: Sendable {
        /// RFC 1952, `Content-Encoding: gzip`.
        case gzip
        /// RFC 1950, `Content-Encoding: deflate`.
        case zlib
    }

    // Small texts may compress extremely well without being an attack.
    private static let ratioFreeBytes = 1 << 20
    private static let pieceBytes = 32 << 10

    // zlib keeps a pointer back to this struct, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private let bytesMax: Int
    private let ratioMax: Int
    private var bytesIn = 0
    private var bytesOut = 0
    private var hasEnded = false

    /// Makes an inflater that gives out at most `bytesMax` bytes.
    ///
    /// - Throws: `.system(ENOMEM)` when there is no memory for it (about 40 kB).
    package init(
        _ format: Format,
        bytesMax: Int,
        ratioMax: Int = ArchiveLimits().ratioMax
    ) throws(ArchiveError) {
        self.bytesMax = bytesMax
        self.ratioMax = ratioMax
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let windowBits: Int32 = format == .gzip ? 15 + 16 : 15
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(stream, windowBits, ZLIB_VERSION, size) == Z_OK else {
            throw ArchiveError(.system(ENOMEM), "There is no memory for inflating.")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates one piece and appends what comes out.
    ///
    /// After an error the inflater must not be fed again.
    ///
    /// - Throws: `.tooLarge` beyond the limits, `.malformed` for bytes that are not the format.
    package mutating func feed(
        _ piece: Span<UInt8>,
        into output: inout [UInt8]
    ) throws(ArchiveError) {
        try piece.withUnsafeBufferPointer { buffer throws(ArchiveError) in
            try feed(buffer, into: &output)
        }
    }

    /// Checks that the text has reached its end.
    ///
    /// - Throws: `.malformed` when it is cut off.
    package func finish() throws(ArchiveError) {
        guard hasEnded else {
            throw ArchiveError(.malformed, "The compressed data is cut off.")
        }
    }

    mutating func feed(
        _ piece: UnsafeBufferPointer<UInt8>,
        into output: inout [UInt8]
    ) throws(ArchiveError) {
        var rest = piece[...]
        while !rest.isEmpty {
            let part = UnsafeBufferPointer(rebasing: rest.prefix(1 << 30))
            rest = rest.dropFirst(part.count)
            guard !hasEnded else { throw Self.trailing }
            bytesIn += part.count
            stream.pointee.next_in = UnsafeMutablePointer(mutating: part.baseAddress)
            stream.pointee.avail_in = UInt32(part.count)
            try drain(into: &output)
        }
        stream.pointee.next_in = nil
    }

    private mutating func drain(into output: inout [UInt8]) throws(ArchiveError) {
        repeat {
            var status = Z_OK
            let room = Self.pieceBytes
            let stream = stream
            let made = withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { piece in
                stream.pointee.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(room)
                status = inflate(stream, Z_NO_FLUSH)
                let made = room - Int(stream.pointee.avail_out)
                output.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[..<made]))
                return made
            }
            try count(made)
            switch status {
            case Z_STREAM_END:
                hasEnded = true
                guard stream.pointee.avail_in == 0 else { throw Self.trailing }
                return
            case Z_OK: break
            // No progress is possible until more input comes.
            case Z_BUF_ERROR where stream.pointee.avail_in == 0: return
            case Z_MEM_ERROR:
                throw ArchiveError(.system(ENOMEM), "There is no memory for inflating.")
            default: throw ArchiveError(.malformed, "The compressed data is damaged.")
            }
        } while stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0
    }

    private mutating func count(_ made: Int) throws(ArchiveError) {
        bytesOut += made
        guard bytesOut <= bytesMax else {
            throw ArchiveError(.tooLarge, "The data inflates to more than \(bytesMax) bytes.")
        }
        guard bytesOut <= Self.ratioFreeBytes || bytesOut / ratioMax <= bytesIn else {
            throw ArchiveError(
                .tooLarge,
                "The data inflates to more than \(ratioMax) times its length."
            )
        }
    }

    private static var trailing: ArchiveError {
        ArchiveError(.malformed, "Something follows the end of the compressed data.")
    }
}
