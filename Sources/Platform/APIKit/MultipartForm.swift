import HTTPCore

/// Reads one file out of a body of `multipart/form-data` (RFC 7578).
package enum MultipartForm {
    /// What keeps a form from being read, as a sentence's end.
    package struct Unreadable: Error {
        /// Why, such as `names no boundary`.
        package let reason: String
    }

    /// More parts than this are not looked through.
    static let partsMax = 64
    /// The header of one part.
    static let headerBytesMax = 8192

    /// The content of the first part of this name; nil when no part has it.
    ///
    /// - Parameter contentType: the value of the request's `Content-Type`.
    /// - Throws: `Unreadable`.
    package static func part(
        _ name: String,
        of body: [UInt8],
        contentType: String
    ) throws(Unreadable) -> [UInt8]? {
        let boundary = Parameters(contentType)["boundary"] ?? ""
        guard (1...70).contains(boundary.utf8.count) else {
            throw Unreadable(reason: "the Content-Type names no boundary of 1 to 70 characters")
        }
        let mark = Array("--\(boundary)".utf8)
        guard var at = delimiter(mark, in: body, from: 0) else {
            throw Unreadable(reason: "no line is the boundary that the Content-Type names")
        }
        for _ in 0..<partsMax {
            at += mark.count
            if body[at...].starts(with: dashes) { return nil }
            guard let line = find(crlf, in: body, from: at) else { break }
            // The line break before the first field stands for that of an empty header.
            guard let end = find(crlf + crlf, in: body, from: line), end - line <= headerBytesMax
            else {
                throw Unreadable(reason: "the header of a part has no end")
            }
            let start = end + 4
            guard let next = delimiter(mark, in: body, from: start) else { break }
            if Self.name(ofPart: body[line..<end]) == name {
                // The line break before a delimiter is part of it; content may be empty.
                return Array(body[start..<max(start, next - 2)])
            }
            at = next
        }
        throw Unreadable(reason: "it ends within a part, or has more than \(partsMax) parts")
    }

    private static let crlf: [UInt8] = [0x0D, 0x0A]
    private static let dashes: [UInt8] = [0x2D, 0x2D]

    /// The next place where a line is the boundary and no longer text that begins like it.
    private static func delimiter(_ mark: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        var at = start
        while let hit = find(mark, in: body, from: at) {
            let isAtLineStart = hit == 0 || hit >= 2 && body[(hit - 2)..<hit].elementsEqual(crlf)
            let rest = body[(hit + mark.count)...]
            let padded = rest.drop { $0 == 0x20 || $0 == 0x09 }
            if isAtLineStart, rest.starts(with: dashes) || padded.starts(with: crlf) { return hit }
            at = hit + 1
        }
        return nil
    }

    private static func find(_ wanted: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        guard let first = wanted.first, body.count >= wanted.count else { return nil }
        var at = start
        while at <= body.count - wanted.count {
            guard let hit = body[at...].firstIndex(of: first), hit <= body.count - wanted.count
            else { return nil }
            if body[hit...].starts(with: wanted) { return hit }
            at = hit + 1
        }
        return nil
    }

    /// The `name` of `Content-Disposition`.
    private static func name(ofPart header: ArraySlice<UInt8>) -> String? {
        for line in String(decoding: header, as: UTF8.self).split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":"),
                line[..<colon].lowercased() == "content-disposition"
            else { continue }
            return Parameters(String(line[line.index(after: colon)...]))["name"]
        }
        return nil
    }
}

/// The parameters of a field's value: `type; name=value; name="quoted value"`.
private struct Parameters {
    private var values: [String: String] = [:]

    init(_ text: String) {
        var (part, isQuoted, isEscaped) = ("", false, false)
        var parts: [String] = []
        for character in text {
            if isEscaped {
                part.append(character)
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == ";", !isQuoted {
                parts.append(part)
                part = ""
            } else {
                part.append(character)
            }
        }
        for part in (parts + [part]).dropFirst() {
            guard let equals = part.firstIndex(of: "=") else { continue }
            let name = part[..<equals].filter { $0 != " " && $0 != "\t" }.lowercased()
            if values[name] == nil { values[name] = String(part[part.index(after: equals)...]) }
        }
    }

    subscript(_ name: String) -> String? { values[name] }
}
