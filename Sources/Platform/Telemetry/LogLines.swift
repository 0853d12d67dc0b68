import Glibc
import JSON
import Logging
import Primitives

/// How log lines are written.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object a line, for collectors.
    case json
    /// Time, level, message and `key=value` pairs, for people at a terminal.
    case text
}

/// Writes each log event as one line with one `write`, so that lines of many threads never mix.
///
/// Texts from outside are escaped in both formats: no input can begin a new line or reach a
/// terminal's control sequences.
package struct LogLines: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let descriptor: Int32

    /// - Parameter descriptor: where lines go; standard error unless a test says otherwise.
    package init(
        label: String,
        format: LogFormat,
        level: Logger.Level = .info,
        descriptor: Int32 = 2
    ) {
        self.label = label
        self.format = format
        self.descriptor = descriptor
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let extra = event.metadata { fields.merge(extra) { $1 } }
        write(
            Self.line(
                format,
                at: Timestamp.now(),
                level: event.level,
                label: label,
                message: event.message.description,
                fields: fields
            )
        )
    }

    /// The bytes of one line, with its line feed.
    static func line(
        _ format: LogFormat,
        at time: Timestamp,
        level: Logger.Level,
        label: String,
        message: String,
        fields: Logger.Metadata
    ) -> [UInt8] {
        let sorted = fields.sorted { $0.key < $1.key }
        switch format {
        case .json:
            var writer = JSONWriter()
            writer.object { object in
                object.field("at", time)
                object.field("level", level.rawValue)
                object.field("logger", label)
                object.field("message", message)
                for (key, value) in sorted {
                    object.key(key)
                    object.string(value.description)
                }
            }
            return writer.bytes + [UInt8(ascii: "\n")]
        case .text:
            var text = "\(time.text) \(level.rawValue.uppercased()) \(printable(message))"
            for (key, value) in sorted { text += " \(key)=\(printable(value.description))" }
            return Array(text.utf8) + [UInt8(ascii: "\n")]
        }
    }

    /// The text with every control character as `\u{…}`, so that a name with an escape sequence
    /// in it cannot move a terminal's cursor.
    package static func printable(_ text: String) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            safe += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return safe
    }

    private func write(_ line: [UInt8]) {
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if written < 0 {
                    if errno == EINTR { continue }
                    return
                }
                rest = rest.dropFirst(written)
            }
        }
    }
}

extension Slice where Base == UnsafeRawBufferPointer {
    fileprivate var baseAddress: UnsafeRawPointer? {
        base.baseAddress.map { $0 + startIndex }
    }
}
