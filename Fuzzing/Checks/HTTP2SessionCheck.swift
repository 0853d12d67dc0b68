import HTTPCore
import Primitives

extension FuzzCheck {
    /// However the bytes of a client are cut, the same requests come out of them; what is kept and
    /// what is sent stays in proportion to what came.
    static let http2Session = FuzzCheck("http2-session") { bytes in
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        let input = preface + bytes
        let whole = SpokenHTTP2(input, ends: [input.count])
        try whole.promiseBounded(input.count)
        for cut in cuts(input.count) where cut >= preface.count {
            let split = SpokenHTTP2(input, ends: [cut, input.count])
            try split.promiseBounded(input.count)
            try promise(
                whole.agrees(with: split),
                "cut at \(cut): \(split.requests), not \(whole.requests)"
            )
        }
    }
}

/// What a session made of a client's bytes; every complete request is answered at once.
private final class SpokenHTTP2: HTTP2SessionOwner {
    private(set) var requests: [String] = []
    private let session: HTTP2Session
    private let limits = HTTPLimits()
    private var sentBytes = 0
    private var streamsMax = 0

    init(_ bytes: [UInt8], ends: [Int]) {
        session = HTTP2Session(limits: limits)
        session.owner = self
        var start = 0
        for end in ends {
            bytes.withUnsafeBufferPointer { bytes in
                session.receive(UnsafeBufferPointer(rebasing: bytes[start..<end]))
            }
            streamsMax = max(streamsMax, session.streams.count)
            send()
            start = end
        }
        session.owner = nil
    }

    private func send() {
        let output = ByteBuffer(capacity: 4096)
        // Windows that the client leaves shut end it.
        for _ in 0..<64 where session.wantsToSend {
            session.produce(into: output, bytesMax: 65_536)
            if output.isEmpty { break }
            sentBytes += output.count
            output.removeAll()
        }
    }

    /// Whether the same was understood.
    ///
    /// A client that goes on with a stream which it has ended breaks a rule. Before the answer is
    /// sent that may end the connection, after it the frame is passed over (RFC 9113 §5.1). Of what
    /// ended early there are fewer requests, and no others.
    func agrees(with other: SpokenHTTP2) -> Bool {
        if requests == other.requests { return true }
        guard session.isFinished || other.session.isFinished else { return false }
        return requests.starts(with: other.requests) || other.requests.starts(with: requests)
    }

    func promiseBounded(_ received: Int) throws {
        try promise(streamsMax <= limits.streamsMax, "no more streams than allowed")
        // A frame that is answered has nine bytes; an answer's head is below 400 and its body 4.
        try promise(sentBytes <= 1024 + received * 64, "\(sentBytes) bytes for \(received)")
    }

    func takeRequest() -> Request { Request() }

    func onHead(_ stream: HTTP2Stream) {
        guard let request = stream.request, request.bodyFraming != .none else { return }
        session.startBody(stream, bytesMax: 4096)
    }

    func onComplete(_ stream: HTTP2Stream) {
        guard let request = stream.request else { return }
        let fields = request.fields.map {
            "\(request.text($0.name)): \(request.text($0.value))"
        }
        requests.append(
            "\(request.method) \(request.text(request.path))?\(request.text(request.query)) "
                + "\(fields) \(request.body)"
        )
        _ = session.answer(
            stream,
            Response(status: 200, contentType: .json, body: Array("true".utf8)),
            requestID: 1,
            date: []
        )
    }

    func onFault(_ stream: HTTP2Stream, _ fault: ProtocolFault) {
        requests.append("fault \(fault.status)")
        _ = session.answer(stream, fault.response(requestID: 1), requestID: 1, date: [])
    }

    func onUploadGranted(_ stream: HTTP2Stream) {}
    func onClosed(_ stream: HTTP2Stream) {}
    func onPong() {}
}
