import HTTPCore

extension FuzzCheck {
    /// However a chunked body is cut it holds the same, and never more than is allowed.
    static let chunkedBody = FuzzCheck("chunked-body") { bytes in
        for bodyBytesMax in [64, 1 << 20] {
            let whole = DecodedBody(bytes, cuts: [], bodyBytesMax)
            let single = DecodedBody(bytes, cuts: Array(0..<bytes.count), bodyBytesMax)
            try promise(whole == single, "byte by byte: \(single.step) instead of \(whole.step)")
            for cut in cuts(bytes.count) {
                let split = DecodedBody(bytes, cuts: [cut], bodyBytesMax)
                try promise(whole == split, "cut at \(cut): \(split.step) not \(whole.step)")
            }
            try promise(whole.body.count <= bodyBytesMax, "a body keeps to its limit")
            guard case .complete(let used) = whole.step else { continue }
            try promise(used <= bytes.count, "a body takes no more bytes than there are")
            let size = String(whole.body.count, radix: 16)
            let plain =
                (whole.body.isEmpty ? [] : Array("\(size)\r\n".utf8) + whole.body + [13, 10])
                + Array("0\r\n\r\n".utf8)
            let again = DecodedBody(plain, cuts: [], bodyBytesMax)
            try promise(again.body == whole.body, "a body written as one chunk is read the same")
            try promise(again.step == .complete(bytes: plain.count), "and to its end")
        }
    }
}

/// What became of a body that arrived in pieces.
private struct DecodedBody: Equatable {
    private(set) var step = ChunkedDecoder.Step.needsMore
    private(set) var body: [UInt8] = []

    init(_ bytes: [UInt8], cuts: [Int], _ bodyBytesMax: Int) {
        var decoder = ChunkedDecoder(limits: HTTPLimits())
        var start = 0
        for end in cuts + [bytes.count] where step == .needsMore {
            step = decoder.feed(
                bytes.span.extracting(start..<end),
                into: &body,
                bodyBytesMax: bodyBytesMax
            )
            if case .complete(let used) = step { step = .complete(bytes: start + used) }
            start = end
        }
    }
}
