import CZlib

/// Compresses and inflates whole texts (RFC 1952).
package enum Gzip {
    /// Compresses bytes; equal bytes and level give equal output with one version of zlib.
    ///
    /// The header holds no time (0), no name and no operating system (255).
    ///
    /// - Parameter level: 1 (quick) to 9 (small).
    package static func compress(_ bytes: [UInt8], level: Int = 6) -> [UInt8] {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        let header = UnsafeMutablePointer<gz_header>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        header.initialize(to: gz_header())
        header.pointee.os = 255
        defer {
            deflateEnd(stream)
            stream.deallocate()
            header.deallocate()
        }
        let size = Int32(MemoryLayout<z_stream>.size)
        let level = Int32(min(max(level, 1), 9))
        let opened = deflateInit2_(
            stream,
            level,
            Z_DEFLATED,
            15 + 16,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            size
        )
        precondition(opened == Z_OK, "zlib opens with memory at hand")
        deflateSetHeader(stream, header)
        let bound = Int(deflateBound(stream, UInt(bytes.count)))
        return bytes.withUnsafeBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: bound) { output, count in
                run(stream, input, output)
                count = Int(stream.pointee.total_out)
            }
        }
    }

    /// Inflates one gzip text.
    ///
    /// - Parameters:
    ///   - limit: the most bytes that may come out.
    ///   - ratioMax: how many bytes one byte may become once a mebibyte came out.
    /// - Throws: `.tooLarge` beyond the limits; `.malformed` when it is damaged, cut off or
    ///   followed by anything.
    package static func decompress(
        _ bytes: [UInt8],
        limit: Int,
        ratioMax: Int = ArchiveLimits().ratioMax
    ) throws(ArchiveError) -> [UInt8] {
        var inflater = try Inflater(.gzip, bytesMax: limit, ratioMax: ratioMax)
        var output: [UInt8] = []
        try inflater.feed(bytes.span, into: &output)
        try inflater.finish()
        return output
    }

    /// Whether bytes begin like a gzip text.
    package static func isGzip(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: [0x1F, 0x8B])
    }

    private static func run(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ input: UnsafeBufferPointer<UInt8>,
        _ output: UnsafeMutableBufferPointer<UInt8>
    ) {
        // zlib counts in 32 bits; both sides are handed over in pieces.
        var fed = 0
        var status = Z_OK
        while status != Z_STREAM_END {
            let piece = min(input.count - fed, 1 << 30)
            let written = Int(stream.pointee.total_out)
            let room = min(output.count - written, 1 << 30)
            stream.pointee.next_in = input.baseAddress.map {
                UnsafeMutablePointer(mutating: $0 + fed)
            }
            stream.pointee.avail_in = UInt32(piece)
            stream.pointee.next_out = output.baseAddress.map { $0 + written }
            stream.pointee.avail_out = UInt32(room)
            status = deflate(stream, fed + piece == input.count ? Z_FINISH : Z_NO_FLUSH)
            precondition(status == Z_OK || status == Z_STREAM_END, "the bound holds the output")
            fed += piece - Int(stream.pointee.avail_in)
        }
    }
}
