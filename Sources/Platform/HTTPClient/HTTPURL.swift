import CSystem
import Glibc

/// An absolute `http` or `https` URL (RFC 9110 §4.2), read strictly.
///
/// No user name, no fragment, no backslashes, ASCII only, percent signs only before two hex
/// digits: whatever two programs could read in two ways is refused.
package struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
    /// The longest URL that is read.
    package static let bytesMax = 8192

    /// Whether the scheme is `https`.
    package let isSecure: Bool
    /// A DNS name in lower case or an IP address; IPv6 without brackets.
    package let host: String
    /// The port, also where the scheme implies it.
    package let port: UInt16
    /// The path with the query as sent, percent-encoded, beginning with `/`.
    package let target: String

    /// Gives nil for a text that is no such URL.
    package init?(_ text: String) {
        guard text.utf8.count <= HTTPURL.bytesMax, text.utf8.allSatisfy({ (0x21...0x7E) ~= $0 })
        else { return nil }
        let rest: Substring
        if text.lowercased().hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else if text.lowercased().hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else {
            return nil
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest[authority.endIndex...]
        guard let (host, port) = HTTPURL.split(authority), let host = HTTPURL.canonical(host),
            HTTPURL.isTarget(target)
        else { return nil }
        self.host = host
        if port.isEmpty {
            self.port = isSecure ? 443 : 80
        } else {
            // Only digits: a sign would be taken by the conversion.
            guard port.utf8.allSatisfy({ (0x30...0x39) ~= $0 }), let number = UInt16(port),
                number > 0
            else { return nil }
            self.port = number
        }
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
    }

    private init(isSecure: Bool, host: String, port: UInt16, target: String) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.target = target
    }

    /// The same server with another path and query; nil when they are malformed.
    ///
    /// - Parameter target: percent-encoded, beginning with `/`.
    package func with(target: String) -> HTTPURL? {
        guard target.hasPrefix("/"), target.utf8.count <= HTTPURL.bytesMax,
            HTTPURL.isTarget(Substring(target))
        else { return nil }
        return HTTPURL(isSecure: isSecure, host: host, port: port, target: target)
    }

    /// The URL that a reference means in a document at this one, such as the `Location` of an
    /// answer (RFC 3986 §5.2); nil when it is none that can be fetched.
    ///
    /// A fragment is dropped.
    package func following(_ reference: String) -> HTTPURL? {
        let text = reference.prefix { $0 != "#" }
        if text.hasPrefix("//") { return HTTPURL((isSecure ? "https:" : "http:") + text) }
        let first = text.prefix { !"/?".contains($0) }
        if first.contains(":") { return HTTPURL(String(text)) }
        if text.isEmpty { return self }
        let path = target.prefix { $0 != "?" }
        if text.hasPrefix("?") { return with(target: String(path) + text) }
        if text.hasPrefix("/") { return with(target: HTTPURL.withoutDots(text)) }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return with(target: HTTPURL.withoutDots(String(folder) + text))
    }

    /// Takes out the segments `.` and `..` (RFC 3986 §5.2.4).
    private static func withoutDots(_ target: some StringProtocol) -> String {
        let path = target.prefix { $0 != "?" }
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, segment) in segments.enumerated() {
            if segment == ".." { _ = kept.popLast() }
            if segment != "..", segment != "." {
                kept.append(Substring(segment))
            } else if index == segments.count - 1 {
                kept.append("")
            }
        }
        return "/" + kept.joined(separator: "/") + target[path.endIndex...]
    }

    /// The text for the `Host` field (RFC 9110 §7.2): the port only where it is not implied.
    package var authority: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The URL in text, in its one spelling.
    package var description: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

    /// The host without brackets, and the port's text, empty when there is none.
    private static func split(_ authority: Substring) -> (host: Substring, port: Substring)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let host = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            guard host.contains(":") else { return nil }
            if after.isEmpty { return (host, "") }
            guard after.hasPrefix(":"), after.count > 1 else { return nil }
            return (host, after.dropFirst())
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return (parts[0], "")
        case 2 where !parts[1].isEmpty: return (parts[0], parts[1])
        default: return nil
        }
    }

    private static func canonical(_ host: Substring) -> String? {
        let text = host.lowercased()
        var address = in6_addr()
        if text.contains(":") { return inet_pton(AF_INET6, text, &address) == 1 ? text : nil }
        if inet_pton(AF_INET, text, &address) == 1 { return text }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        // A last label of digits would be an IPv4 address in one of its odd spellings, such as
        // 127.1 or 0x7f000001, which resolvers read and address filters miss.
        guard text.utf8.count <= 253, labels.allSatisfy(isLabel), let last = labels.last,
            !last.utf8.allSatisfy({ (0x30...0x39) ~= $0 }), !last.hasPrefix("0x")
        else { return nil }
        return text
    }

    private static func isLabel(_ label: Substring) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard (1...63).contains(label.utf8.count), label.utf8.first != hyphen,
            label.utf8.last != hyphen
        else { return false }
        // The underscore stands in no host name of the RFCs, but in those of many networks.
        return label.utf8.allSatisfy {
            (0x30...0x39) ~= $0 || (0x61...0x7A) ~= $0 || $0 == hyphen || $0 == UInt8(ascii: "_")
        }
    }

    private static func isTarget(_ target: Substring) -> Bool {
        var hexDigitsWanted = 0
        for byte in target.utf8 {
            guard (0x21...0x7E) ~= byte else { return false }
            if hexDigitsWanted > 0 {
                let isHex =
                    (0x30...0x39) ~= byte || (0x41...0x46) ~= byte || (0x61...0x66) ~= byte
                guard isHex else { return false }
                hexDigitsWanted -= 1
                continue
            }
            switch byte {
            case UInt8(ascii: "%"): hexDigitsWanted = 2
            case UInt8(ascii: "#"), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "<"),
                UInt8(ascii: ">"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"),
                UInt8(ascii: "}"), UInt8(ascii: "|"):
                return false
            default: break
            }
        }
        return hexDigitsWanted == 0
    }
}
