import Archive
import TLS

// What is hidden in compressed bytes, aliases, frames, handshakes and origins.
extension AttackTests.Attack {
    /// One turn of an attack that needs more than the text of a request.
    func turnOfPart(_ target: Target, _ held: inout [RawSocket]) throws {
        switch self {
        case .gzipBombs: try sendBomb(target, &held)
        case .yamlBombs: try sendAliases(target, &held)
        case .wrongReports: try report(target, &held)
        case .http2Resets:
            let get = Self.frame(1, 5, on: 0, Self.getLivez)
            try flood(target) { stream in
                get.replacing(stream: stream) + Self.frame(3, 0, on: stream, [0, 0, 0, 8])
            }
        case .http2Floods:
            let empty = [UInt8](repeating: 0, count: 8)
            for kind: UInt8 in [4, 6, 0x42] {
                try flood(target) { _ in Self.frame(kind, 0, on: 0, kind == 4 ? [] : empty) }
            }
        case .handshakes: try greet(target)
        case .foreignOrigins: try askFromElsewhere(target, &held)
        default: break
        }
    }

    /// A body of 64 MB that is sent as 64 kB.
    private static let bomb = Gzip.compress([UInt8](repeating: 0x20, count: 64 << 20), level: 9)

    private func sendBomb(_ target: Target, _ held: inout [RawSocket]) throws {
        if held.isEmpty { held.append(try RawSocket(port: target.port)) }
        let head = requestText(
            "POST",
            "/v1/edgehosts",
            fields: [
                "ApiKey: \(target.key)", "Content-Type: application/json",
                "Content-Encoding: gzip", "Content-Length: \(Self.bomb.count)",
            ]
        )
        try held[0].send(Array(head.utf8) + Self.bomb)
        try Self.expectRefusal(held[0].receiveAnswer())
    }

    private func sendAliases(_ target: Target, _ held: inout [RawSocket]) throws {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\\n"
        for level in 1..<12 {
            let aliases = [String](repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            yaml += "a\(level): &a\(level) [\(aliases)]\\n"
        }
        let body = """
            {"metadata":{"name":"bomb"},"spec":{"version":"1.0.0","template":{"type":"system",\
            "cloudType":"libvirt","packs":[{"name":"a","type":"manifest","layer":"addon",\
            "values":"\(yaml)","manifests":[{"name":"m","content":"\(yaml)"}]}]}}}
            """
        try ask(
            target,
            &held,
            "POST",
            "/v1/clusterprofiles?publish=true",
            ["ApiKey: \(target.key)"],
            body
        )
    }

    /// What an agent that was turned may say of its machine.
    private func report(_ target: Target, _ held: inout [RawSocket]) throws {
        let path = "/v1/edgehosts/\(target.appliance.uid)"
        let fields = ["Authorization: Bearer \(target.appliance.credential)"]
        for body in [
            #"{"sequence":-1,"health":"healthy"}"#, #"{"sequence":1e400}"#,
            #"{"sequence":1,"health":"glorious","layers":[{"name":7}]}"#,
            #"{"sequence":99999999999999999999,"health":"healthy"}"#,
        ] {
            try ask(target, &held, "POST", path + "/report", fields, body)
        }
        try ask(target, &held, "PATCH", path + "/health", fields, #"{"state":"\u0000"}"#)
    }

    // MARK: HTTP/2

    /// `GET /livez` in the static table and literals (RFC 7541 §6).
    private static let getLivez: [UInt8] =
        [0x82, 0x86, 0x04, 6] + Array("/livez".utf8) + [0x41, 1, 0x61]

    private static func frame(
        _ kind: UInt8,
        _ flags: UInt8,
        on stream: UInt32,
        _ payload: [UInt8]
    ) -> [UInt8] {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), kind, flags]
            + (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * $0)) } + payload
    }

    /// Sends the same over and over, until the server says that it is enough.
    private func flood(_ target: Target, _ frames: (UInt32) -> [UInt8]) throws {
        let socket = try RawSocket(port: target.port)
        try socket.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        try socket.send(Self.frame(4, 0, on: 0, []))
        var burst: [UInt8] = []
        for number: UInt32 in 0..<2000 { burst += frames(2 * number + 1) }
        try socket.send(burst)
        let said = try socket.receiveToEnd()
        // GOAWAY, the last stream, ENHANCE_YOUR_CALM.
        let farewell: [UInt8] = [0, 0, 8, 7, 0, 0, 0, 0, 0]
        guard let place = said.firstRange(of: farewell)?.upperBound, said.count >= place + 8,
            said[place + 7] == 11
        else { throw AttackTests.Unexpected(status: 0) }
    }

    // MARK: TLS

    /// Has the server do its part of a handshake, and leaves.
    private func greet(_ target: Target) throws {
        let session = try TLSClientContext(trust: .only([])).makeSession(host: "127.0.0.1")
        try session.startHandshake()
        let socket = try RawSocket(port: target.securePort)
        try socket.send(Array(session.pendingOutput))
        _ = try socket.receive()
    }

    // MARK: Browsers

    /// A page of elsewhere may neither ask nor read (SECURITY row 44).
    private func askFromElsewhere(_ target: Target, _ held: inout [RawSocket]) throws {
        if held.isEmpty { held.append(try RawSocket(port: target.port)) }
        for (method, fields) in [
            ("OPTIONS", ["Access-Control-Request-Method: DELETE"]),
            ("POST", ["Cookie: session=\(target.key)"]), ("GET", []),
        ] {
            let origin = ["Origin: https://evil.example"]
            try held[0].send(requestText(method, "/v1/edgehosts", fields: origin + fields))
            let answer = try held[0].receiveAnswer()
            let head = answer.head.lowercased()
            guard !head.contains("access-control-allow"), head.contains("nosniff"),
                method == "OPTIONS" || answer.status == 401 || answer.status == 429
            else { throw AttackTests.Unexpected(status: answer.status) }
        }
    }
}

extension [UInt8] {
    /// The same frame on another stream.
    fileprivate func replacing(stream: UInt32) -> [UInt8] {
        var frame = self
        for place in 0..<4 {
            frame[5 + place] = UInt8(truncatingIfNeeded: stream >> (24 - 8 * UInt32(place)))
        }
        return frame
    }
}
