/// How the number of a request is written in headers, error bodies, logs and audit rows.
package enum RequestID {
    /// Sixteen lower-case hex digits.
    package static func text(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
