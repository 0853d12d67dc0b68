import HTTPCore

/// Finds the endpoint of a request: literal segments win over parameters, so that
/// `/v1/edgehosts/tokens` is never taken for an appliance named `tokens`.
struct Router {
    /// Where the values of a path's parameters stand in `Request.head`, in order of the pattern.
    typealias Captures = InlineArray<4, Range<Int>>

    enum Match {
        case found(endpoint: Int, captures: Captures)
        /// The path is known, but not with this method; `allow` lists those that are.
        case wrongMethod(allow: [HTTPMethod])
        case notFound
    }

    private struct Node {
        var literals: [(text: [UInt8], node: Int)] = []
        var parameter: Int?
        /// Index of the endpoint by method; -1 for none.
        var endpoints = InlineArray<7, Int>(repeating: -1)
        var isEnd = false
    }

    private var nodes = [Node()]

    /// Builds the router; two endpoints with one method and path are our own mistake.
    init(_ endpoints: [Endpoint]) {
        for (index, endpoint) in endpoints.enumerated() {
            let node = insert(endpoint.segments)
            let slot = Int(endpoint.method.rawValue)
            precondition(
                nodes[node].endpoints[slot] < 0,
                "\(endpoint.method.text) \(endpoint.path) is declared twice"
            )
            nodes[node].endpoints[slot] = index
            nodes[node].isEnd = true
        }
    }

    private mutating func insert(_ segments: [Endpoint.Segment]) -> Int {
        var current = 0
        for segment in segments {
            switch segment {
            case .literal(let text):
                let bytes = Array(text.utf8)
                if let known = nodes[current].literals.first(where: { $0.text == bytes }) {
                    current = known.node
                } else {
                    nodes.append(Node())
                    nodes[current].literals.append((bytes, nodes.count - 1))
                    current = nodes.count - 1
                }
            case .parameter:
                if let known = nodes[current].parameter {
                    current = known
                } else {
                    nodes.append(Node())
                    nodes[current].parameter = nodes.count - 1
                    current = nodes.count - 1
                }
            }
        }
        return current
    }

    func match(_ request: Request) -> Match {
        var captures = Captures(repeating: 0..<0)
        guard let node = find(request, from: request.path.lowerBound, in: 0, &captures, 0) else {
            return .notFound
        }
        let exact = nodes[node].endpoints[Int(request.method.rawValue)]
        if exact >= 0 { return .found(endpoint: exact, captures: captures) }
        // HEAD is GET without the body (RFC 9110 §9.3.2).
        let get = nodes[node].endpoints[Int(HTTPMethod.get.rawValue)]
        if request.method == .head, get >= 0 { return .found(endpoint: get, captures: captures) }
        var allow = HTTPMethod.allCases.filter { nodes[node].endpoints[Int($0.rawValue)] >= 0 }
        if get >= 0 { allow.append(.head) }
        return .wrongMethod(allow: allow + [.options])
    }

    /// Walks the segments that begin at `start`; goes back to the parameter branch when a literal
    /// one leads nowhere.
    ///
    /// Patterns are few segments deep, so the recursion is too.
    private func find(
        _ request: Request,
        from start: Int,
        in node: Int,
        _ captures: inout Captures,
        _ captured: Int
    ) -> Int? {
        let end = request.path.upperBound
        guard start < end else { return nodes[node].isEnd ? node : nil }
        // The path begins with a slash, and so does each remainder.
        let from = start + 1
        var to = from
        while to < end, request.head[to] != UInt8(ascii: "/") { to += 1 }
        for (text, next) in nodes[node].literals where text.count == to - from {
            if request.head[from..<to].elementsEqual(text),
                let found = find(request, from: to, in: next, &captures, captured)
            {
                return found
            }
        }
        guard let next = nodes[node].parameter, from < to, captured < captures.count else {
            return nil
        }
        captures[captured] = from..<to
        return find(request, from: to, in: next, &captures, captured + 1)
    }
}
