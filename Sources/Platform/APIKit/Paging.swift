import Crypto
import JSON
import Primitives

/// Which part of a list a call asks for.
package struct PageRequest: Sendable {
    /// The largest page; lists cap silently.
    package static let limitMax = 50

    /// Items wanted; `nil` for all of them (`limit=0`).
    package let limit: Int?
    /// Items before this page.
    package let offset: Int
    /// The sort key of the last item of the page before, when the call continues a list: pages are
    /// then found by key, which costs the same for the thousandth page as for the first.
    package let after: String?

    package init(limit: Int?, offset: Int, after: String?) {
        self.limit = limit
        self.offset = offset
        self.after = after
    }
}

/// The `listmeta` of an answer.
package struct ListMeta: Sendable {
    package let continuation: String
    package let count: Int
    package let limit: Int
    package let offset: Int

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("continue")
        writer.string(continuation)
        writer.key("count")
        writer.int(Int64(count))
        writer.key("limit")
        writer.int(Int64(limit))
        writer.key("offset")
        writer.int(Int64(offset))
        writer.endObject()
    }

    package static var example: ListMeta {
        ListMeta(continuation: "", count: 1, limit: 50, offset: 1)
    }
}

/// Makes and checks `continue` tokens.
///
/// A token is base64 of `{"offset","count","token"}` as Palette's are; `token` holds the sort key
/// of the last item and a MAC over it, the tenant and the operation, so that nobody can move it to
/// another tenant or list or make one up.
package struct CursorSealer: Sendable {
    private let mac: HMACSHA256

    /// - Parameter key: 32 secret bytes, the same after a restart.
    package init(key: [UInt8]) {
        mac = HMACSHA256(key: key)
    }

    private func seal(_ after: String, offset: Int, list: String) -> String {
        let body = "\(list)\n\(offset)\n\(after)"
        let code = mac.code(Array(body.utf8))
        return Base64.encode(Array(code.bytes.prefix(16)), .url) + "."
            + Base64.encode(Array(after.utf8), .url)
    }

    /// The token that continues a list behind an item.
    ///
    /// - Parameters:
    ///   - after: the item's sort key.
    ///   - offset: how many items lie before the next page.
    ///   - count: how many items the whole list holds.
    ///   - list: names the operation and the scope; a token is of no use in another one.
    package func token(after: String, offset: Int, count: Int, list: String) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("offset")
        writer.int(Int64(offset))
        writer.key("count")
        writer.int(Int64(count))
        writer.key("token")
        writer.string(seal(after, offset: offset, list: list))
        writer.endObject()
        return Base64.encode(writer.bytes)
    }

    /// Where the list goes on; `nil` for a text that is no token of this list.
    package func open(_ text: String, list: String) -> (after: String, offset: Int)? {
        guard let bytes = Base64.decode(text) ?? Base64.decode(text, .url),
            bytes.count < 4096,
            let value = try? JSONParser.parse(bytes), case .object(let object) = value,
            case .int(let offset)? = object["offset"], (0...Int64(Int32.max)).contains(offset),
            case .string(let token)? = object["token"],
            let dot = token.firstIndex(of: "."),
            let afterBytes = Base64.decode(String(token[token.index(after: dot)...]), .url),
            let after = String(validating: afterBytes, as: UTF8.self)
        else { return nil }
        let wanted = seal(after, offset: Int(offset), list: list)
        guard constantTimeEqual(wanted, token) else { return nil }
        return (after, Int(offset))
    }
}

extension RequestContext {
    /// The list that the call reads, as its continue tokens are bound to it.
    private var list: String {
        "\(endpoint.id)\n\(tenantUID)\n\(scope.projectUID ?? "")"
    }

    /// The page that `limit`, `offset` and `continue` ask for.
    ///
    /// - Parameter refusesMore: whether a `limit` of more than a page is refused, not cut.
    /// - Throws: `.invalidRequest` with a fault for each parameter that does not fit;
    ///   `.unprocessable` when it is a `limit` of more than a page alone.
    package func page(refusesMore: Bool = false) throws -> PageRequest {
        var faults: [Fault] = []
        func number(_ name: String, _ fallback: Int) -> Int {
            guard let text = query(name), !text.isEmpty else { return fallback }
            guard let number = Int(text), (0...Int(Int32.max)).contains(number) else {
                faults.append(
                    Fault("query/\(name)", "OutOfRange", "'\(name)' must be a number from 0 up.")
                )
                return fallback
            }
            return number
        }
        let limit = number("limit", PageRequest.limitMax)
        var offset = number("offset", 0)
        var after: String?
        if let text = query("continue"), !text.isEmpty {
            if let cursor = services.cursors.open(text, list: list) {
                after = cursor.after
                offset = cursor.offset
            } else {
                faults.append(
                    Fault(
                        "query/continue",
                        "InvalidContinue",
                        "'continue' is not a token this list gave; begin again without it."
                    )
                )
            }
        }
        let isMore = refusesMore && limit > PageRequest.limitMax
        if isMore {
            let message = "'limit' must be at most \(PageRequest.limitMax); 0 means all."
            faults.append(Fault("query/limit", "OutOfRange", message))
        }
        guard faults.isEmpty else {
            throw Failure(
                isMore && faults.count == 1 ? .unprocessable : .invalidRequest,
                faults[0].message,
                faults: faults
            )
        }
        return PageRequest(
            limit: limit == 0 ? nil : min(limit, PageRequest.limitMax),
            offset: offset,
            after: after
        )
    }

    /// The `listmeta` of a page.
    ///
    /// - Parameters:
    ///   - shown: how many items the page holds.
    ///   - total: how many items the whole list holds.
    ///   - last: the sort key of the page's last item, for the token.
    package func listMeta(_ page: PageRequest, shown: Int, total: Int, last: String?) -> ListMeta {
        let next = page.offset + shown
        var continuation = ""
        if let last, next < total, page.limit != nil {
            continuation = services.cursors.token(
                after: last,
                offset: next,
                count: total,
                list: list
            )
        }
        return ListMeta(
            continuation: continuation,
            count: total,
            limit: page.limit ?? total,
            offset: next
        )
    }
}
