import HTTPCore

extension FuzzCheck {
    /// However a head is cut it is understood the same, and what is understood can be written so
    /// that it is understood again.
    static let requestHead = FuzzCheck("request-head") { bytes in
        var tight = HTTPLimits()
        tight.targetBytesMax = 64
        tight.headBytesMax = 256
        tight.fieldCountMax = 4
        for limits in [HTTPLimits(), tight] {
            let whole = ParsedHead(bytes, ends: [bytes.count], limits)
            let single = ParsedHead(bytes, ends: Array(1...max(1, bytes.count)), limits)
            try whole.promiseEqual(single, "byte by byte")
            for cut in cuts(bytes.count) {
                let split = ParsedHead(bytes, ends: [cut, bytes.count], limits)
                try whole.promiseEqual(split, "cut at \(cut)")
            }
            if case .complete(let used) = whole.step {
                try promise(used <= bytes.count, "a head takes no more bytes than there are")
                try whole.promiseSound()
                let again = ParsedHead(whole.written, ends: [whole.written.count], limits)
                try promise(again.written == whole.written, "a head written is read the same")
                try promise(
                    again.request.bodyFraming == whole.request.bodyFraming,
                    "a head written has the same body"
                )
            }
        }
    }
}

/// What became of a head that arrived in pieces.
private struct ParsedHead {
    let request = Request()
    private(set) var step = RequestHeadParser.Step.needsMore
    private var parser: RequestHeadParser

    init(_ bytes: [UInt8], ends: [Int], _ limits: HTTPLimits) {
        parser = RequestHeadParser(limits: limits)
        for end in ends where end <= bytes.count && step == .needsMore {
            step = parser.feed(bytes.span.extracting(0..<end), into: request)
        }
    }

    func promiseEqual(_ other: ParsedHead, _ how: String) throws {
        try promise(step == other.step, "\(how): \(other.step) instead of \(step)")
        guard case .complete = step else { return }
        try promise(
            written == other.written && request.bodyFraming == other.request.bodyFraming
                && parser.keepsAlive == other.parser.keepsAlive
                && parser.expectsContinue == other.parser.expectsContinue,
            "\(how): the head has another meaning"
        )
    }

    /// The ranges lie in the head and hold what the grammar allows there.
    func promiseSound() throws {
        let path = request.head[request.path]
        try promise(path.first == 47 || path.elementsEqual([42]), "a path begins with a slash")
        for field in request.fields {
            let name = request.head[field.name]
            try promise(!name.isEmpty && !name.contains(58), "a field has a name")
            try promise(!name.contains { (65...90).contains($0) }, "names are folded")
            try promise(
                !request.head[field.value].contains { $0 == 13 || $0 == 10 || $0 == 0 },
                "a value is one line"
            )
        }
    }

    /// The head in its plainest spelling.
    var written: [UInt8] {
        var bytes = Array(request.method.text.utf8) + [32] + request.head[request.path]
        if !request.query.isEmpty { bytes += [63] + request.head[request.query] }
        bytes += Array((parser.isHTTP10 ? " HTTP/1.0" : " HTTP/1.1").utf8) + [13, 10]
        for field in request.fields {
            bytes += request.head[field.name] + [58] + request.head[field.value] + [13, 10]
        }
        return bytes + [13, 10]
    }
}
