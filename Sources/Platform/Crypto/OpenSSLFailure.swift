import COpenSSL

/// A call into OpenSSL that failed, with OpenSSL's reasons as text for the log.
package struct OpenSSLFailure: Error, Hashable, CustomStringConvertible {
    /// What was being done, such as `reading the certificate`.
    package var action: String
    /// OpenSSL's reasons, oldest first; empty when it gave none.
    package var reasons: [String]

    /// Names what failed and why.
    package init(action: String, reasons: [String] = []) {
        self.action = action
        self.reasons = reasons
    }

    /// The action and the reasons in one line.
    package var description: String {
        reasons.isEmpty ? "\(action) failed" : "\(action): \(reasons.joined(separator: "; "))"
    }

    /// Takes the calling thread's error queue, and leaves it empty.
    package static func take(_ action: String) -> OpenSSLFailure {
        var failure = OpenSSLFailure(action: action)
        // OpenSSL keeps at most 16 errors a thread, so this ends.
        while true {
            let code = ERR_get_error()
            guard code != 0 else { return failure }
            if let reason = ERR_reason_error_string(code) {
                failure.reasons.append(String(cString: reason))
            } else {
                failure.reasons.append("error \(code)")
            }
        }
    }
}
