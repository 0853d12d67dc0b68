import Archive

extension FuzzCheck {
    /// However a compressed text is cut it inflates the same and within its limit; what is
    /// compressed comes back.
    static let gzip = FuzzCheck("gzip") { bytes in
        let limit = 1 << 16
        let whole = try? Gzip.decompress(bytes, limit: limit)
        try promise(whole == inflated(bytes, limit: limit), "byte by byte it inflates the same")
        if let whole { try promise(whole.count <= limit, "the limit holds") }
        let packed = Gzip.compress(bytes)
        try promise(
            try Gzip.decompress(packed, limit: bytes.count) == bytes,
            "what is compressed comes back"
        )
    }

    private static func inflated(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
        guard var inflater = try? Inflater(.gzip, bytesMax: limit) else { return nil }
        var output: [UInt8] = []
        do {
            for place in bytes.indices {
                try inflater.feed(bytes.span.extracting(place..<place + 1), into: &output)
            }
            try inflater.finish()
            return output
        } catch {
            return nil
        }
    }
}
