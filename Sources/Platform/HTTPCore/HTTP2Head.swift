import Glibc

/// Collects the header fields of one HTTP/2 request into a `Request` (RFC 9113 §8.2, §8.3).
///
/// nghttp2 has checked what RFC 9113 says about single fields: names in lower case, pseudo-header
/// fields first and once, none that speaks of the connection. Here is what concerns several, and
/// what HTTP/1.1 refuses, too.
struct HTTP2Head {
    /// Why the request is answered with an error.
    private(set) var fault: ProtocolFault?
    /// Whether the request contradicts itself, so that no answer would be right.
    private(set) var isMalformed = false
    /// Whether the client waits for 100 before it sends the body.
    private(set) var expectsContinue = false
    /// The size by which header lists are measured (RFC 9113 §6.5.2).
    private(set) var listBytes = 0

    private var target: Range<Int>?
    private var authority: Range<Int>?
    private var host: Range<Int>?
    private var cookies = 0
    private var contentLength: Int?

    /// Takes the next field; it is dropped once there is a fault.
    mutating func add(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        to request: Request,
        _ limits: HTTPLimits
    ) {
        listBytes += name.count + value.count + 32
        guard fault == nil else { return }
        if listBytes > limits.headBytesMax {
            fault = .headTooLarge
        } else if name.first == 58 {
            addPseudoField(name, value, to: request, limits)
        } else if request.fields.count >= limits.fieldCountMax {
            fault = .tooManyFields
        } else {
            addField(name, value, to: request)
        }
    }

    private mutating func addPseudoField(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        to request: Request,
        _ limits: HTTPLimits
    ) {
        switch name.count {
        case 7 where name.matches(":method"):
            if let method = HTTPMethod(value) {
                request.method = method
            } else {
                fault = .unknownMethod
            }
        case 5 where name.matches(":path"):
            if value.count > limits.targetBytesMax {
                fault = .targetTooLong
            } else {
                target = Self.append(value, to: request)
            }
        case 10 where name.matches(":authority"):
            authority = Self.append(value, to: request)
        default:
            break
        }
    }

    private mutating func addField(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        to request: Request
    ) {
        let nameRange = Self.append(name, to: request)
        let valueRange = Self.append(value, to: request)
        request.fields.append(Request.Field(name: nameRange, value: valueRange))
        switch name.count {
        case 4 where name.matches("host"):
            if host != nil { isMalformed = true }
            host = valueRange
        case 6 where name.matches("cookie"):
            cookies += 1
        case 6 where name.matches("expect"):
            if value.matches("100-continue") {
                expectsContinue = true
            } else {
                fault = .expectation
            }
        case 14 where name.matches("content-length"):
            // nghttp2 has refused what is no number and what comes twice.
            contentLength = value.count <= 18 ? value.reduce(0) { $0 * 10 + Int($1 &- 48) } : .max
        default:
            break
        }
    }

    private static func append(
        _ bytes: UnsafeBufferPointer<UInt8>,
        to request: Request
    ) -> Range<Int> {
        let start = request.head.count
        request.head.append(contentsOf: bytes)
        return start..<request.head.count
    }

    /// Brings the complete head into the form that HTTP/1.1 has.
    ///
    /// - Parameter endsStream: Whether nothing follows the head.
    mutating func finish(_ request: Request, endsStream: Bool) {
        guard fault == nil, !isMalformed else { return }
        do throws(ProtocolFault) {
            try finishTarget(request)
        } catch {
            fault = error
            return
        }
        finishHost(request)
        if cookies > 1 { joinCookies(request) }
        if endsStream {
            request.bodyFraming = .none
            expectsContinue = false
        } else if let contentLength {
            request.bodyFraming = contentLength == 0 ? .none : .length(contentLength)
        } else {
            request.bodyFraming = .chunked
        }
    }

    private func finishTarget(_ request: Request) throws(ProtocolFault) {
        guard let target, !target.isEmpty else { throw .badRequest("The target is missing.") }
        guard request.head[target.lowerBound] == 47 else {
            guard target.count == 1, request.head[target.lowerBound] == 42,
                request.method == .options
            else { throw .badRequest("The target must be a path.") }
            request.path = target
            return
        }
        let pathEnd = try request.head.withUnsafeBufferPointer { head throws(ProtocolFault) in
            try RequestTarget.pathEnd(head, target)
        }
        request.path = target.lowerBound..<pathEnd
        request.query = pathEnd < target.upperBound ? pathEnd + 1..<target.upperBound : 0..<0
    }

    /// Makes Host and `:authority` one (RFC 9113 §8.3.1).
    private mutating func finishHost(_ request: Request) {
        let named = authority ?? host ?? 0..<0
        let isValid = request.head.withUnsafeBufferPointer { head in
            let text = UnsafeBufferPointer(rebasing: head[named])
            return (try? RequestTarget.checkHost(text)) != nil
        }
        guard isValid else {
            isMalformed = true
            return
        }
        guard let authority else { return }
        if let host {
            if !request.head[host].elementsEqual(request.head[authority]) { isMalformed = true }
            return
        }
        let start = request.head.count
        request.head.append(contentsOf: "host".utf8)
        request.fields.append(
            Request.Field(name: start..<request.head.count, value: authority)
        )
    }

    /// Puts the pieces of a cookie together, which HTTP/2 may send apart (RFC 9113 §8.2.3).
    private func joinCookies(_ request: Request) {
        let start = request.head.count
        var first: Int?
        var kept = 0
        for field in request.fields {
            let isCookie = request.head[field.name].elementsEqual("cookie".utf8)
            if isCookie {
                if first != nil { request.head.append(contentsOf: "; ".utf8) }
                let piece = Array(request.head[field.value])
                request.head.append(contentsOf: piece)
            }
            if isCookie && first != nil { continue }
            if isCookie { first = kept }
            request.fields[kept] = field
            kept += 1
        }
        request.fields.removeSubrange(kept...)
        if let first { request.fields[first].value = start..<request.head.count }
    }
}
