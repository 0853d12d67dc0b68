import Glibc
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
        /// The literal segments that lead on, as places in `edges`.
        var literals = 0..<0
        /// The node behind a parameter; -1 for none.
        var parameter = -1
        /// Index of the endpoint by method; -1 for none.
        var endpoints = InlineArray<7, Int>(repeating: -1)
        var isEnd = false
    }

    /// A literal segment and the node behind it.
    private struct Edge {
        /// Where the text stands in `texts`.
        let text: Range<Int>
        let node: Int
    }

    // Flat, so that a match follows no reference and counts none.
    private var nodes: [Node] = []
    private var edges: [Edge] = []
    private var texts: [UInt8] = []

    /// Builds the router; two endpoints with one method and path are our own mistake.
    init(_ endpoints: [Endpoint]) {
        let root = Branch()
        for (index, endpoint) in endpoints.enumerated() {
            let branch = root.reach(endpoint.segments)
            let slot = Int(endpoint.method.rawValue)
            precondition(
                branch.endpoints[slot] < 0,
                "\(endpoint.method.text) \(endpoint.path) is declared twice"
            )
            branch.endpoints[slot] = index
            branch.isEnd = true
        }
        _ = flatten(root)
    }

    /// The tree while it is built.
    private final class Branch {
        var literals: [(text: String, branch: Branch)] = []
        var parameter: Branch?
        var endpoints = InlineArray<7, Int>(repeating: -1)
        var isEnd = false

        func reach(_ segments: [Endpoint.Segment]) -> Branch {
            var current = self
            for segment in segments { current = current.step(segment) }
            return current
        }

        private func step(_ segment: Endpoint.Segment) -> Branch {
            switch segment {
            case .literal(let text):
                if let known = literals.first(where: { $0.text == text }) { return known.branch }
                let new = Branch()
                literals.append((text, new))
                return new
            case .parameter:
                let next = parameter ?? Branch()
                parameter = next
                return next
            }
        }
    }

    private mutating func flatten(_ branch: Branch) -> Int {
        let number = nodes.count
        nodes.append(Node())
        let parameter = branch.parameter.map { flatten($0) } ?? -1
        let found = branch.literals.map { literal in
            let start = texts.count
            texts += literal.text.utf8
            return Edge(text: start..<texts.count, node: flatten(literal.branch))
        }
        nodes[number] = Node(
            literals: edges.count..<edges.count + found.count,
            parameter: parameter,
            endpoints: branch.endpoints,
            isEnd: branch.isEnd
        )
        edges += found
        return number
    }

    func match(_ request: Request) -> Match {
        var captures = Captures(repeating: 0..<0)
        let found = find(request, &captures)
        guard let found else { return .notFound }
        let endpoints = nodes[found].endpoints
        let exact = endpoints[Int(request.method.rawValue)]
        if exact >= 0 { return .found(endpoint: exact, captures: captures) }
        // HEAD is GET without the body (RFC 9110 §9.3.2).
        let get = endpoints[Int(HTTPMethod.get.rawValue)]
        if request.method == .head, get >= 0 { return .found(endpoint: get, captures: captures) }
        var allow = HTTPMethod.allCases.filter { endpoints[Int($0.rawValue)] >= 0 }
        if get >= 0 { allow.append(.head) }
        return .wrongMethod(allow: allow + [.options])
    }

    private func find(_ request: Request, _ captures: inout Captures) -> Int? {
        request.head.withUnsafeBufferPointer { head in
            nodes.withUnsafeBufferPointer { nodes in
                edges.withUnsafeBufferPointer { edges in
                    texts.withUnsafeBufferPointer { texts in
                        Search(
                            head: head,
                            end: request.path.upperBound,
                            nodes: nodes,
                            edges: edges,
                            texts: texts
                        ).find(from: request.path.lowerBound, in: 0, &captures, 0)
                    }
                }
            }
        }
    }

    /// One look through the tree.
    private struct Search {
        let head: UnsafeBufferPointer<UInt8>
        /// The end of the path in `head`.
        let end: Int
        let nodes: UnsafeBufferPointer<Node>
        let edges: UnsafeBufferPointer<Edge>
        let texts: UnsafeBufferPointer<UInt8>

        /// Walks the segments that begin at `start`; goes back to the parameter branch when a
        /// literal one leads nowhere.
        ///
        /// Patterns are few segments deep, so the recursion is too.
        func find(
            from start: Int,
            in node: Int,
            _ captures: inout Captures,
            _ captured: Int
        ) -> Int? {
            guard start < end else { return nodes[node].isEnd ? node : nil }
            // The path begins with a slash, and so does each remainder.
            let from = start + 1
            let to = endOfSegment(from)
            for index in nodes[node].literals where segment(from..<to, is: edges[index].text) {
                if let found = find(from: to, in: edges[index].node, &captures, captured) {
                    return found
                }
            }
            let next = nodes[node].parameter
            guard next >= 0, from < to, captured < captures.count else { return nil }
            captures[captured] = from..<to
            return find(from: to, in: next, &captures, captured + 1)
        }

        private func endOfSegment(_ from: Int) -> Int {
            guard from < end, let bytes = head.baseAddress,
                let slash = memchr(bytes + from, Int32(UInt8(ascii: "/")), end - from)
            else { return max(from, end) }
            return UnsafeRawPointer(bytes).distance(to: slash)
        }

        private func segment(_ range: Range<Int>, is text: Range<Int>) -> Bool {
            guard range.count == text.count, let bytes = head.baseAddress,
                let literals = texts.baseAddress
            else { return false }
            return memcmp(bytes + range.lowerBound, literals + text.lowerBound, text.count) == 0
        }
    }
}
