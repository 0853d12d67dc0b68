import ArgumentParser
import Glibc

/// Every flag can stand in the environment too: `--tls-listen` as `EASEL_TLS_LISTEN`.
///
/// A flag on the command line wins.
enum EnvironmentFlags {
    /// The flags by command; `true` for those without a value.
    private static let flags: [String: [String: Bool]] = [
        "serve": [
            "access-log": true, "slow-request": false,
            "data": false, "listen": false, "tls-listen": false, "tls-cert": false,
            "tls-key": false, "tls-client-auth": false, "tls-client-ca": false,
            "tls-self-signed": true, "tls-host": false,
            "bootstrap-output": false, "log-format": false, "log-level": false, "loops": false,
            "public-url": false, "synchronous": false, "take-over": true, "appliance-rate": false,
            "caller-rate": false, "failure-rate": false, "registration-rate": false,
            "connection-rate": false, "connections": false, "connections-per-address": false,
            "trusted-proxy": false, "proxy-field": false, "outbound-allow": false,
            "registry-folder": false, "registry-sync-hours": false,
        ],
        "bootstrap": ["data": false, "org": false, "email": false, "password-file": false],
        "import": ["data": false, "server": false, "api-key": false],
        "backup": ["data": false],
        "migrate": ["data": false],
        "check": ["url": false],
    ]

    /// Flags that may be given several times; in the environment their values are separated by
    /// commas.
    private static let repeated: Set<String> = [
        "listen", "tls-listen", "tls-host", "tls-cert", "tls-key", "tls-client-auth",
        "trusted-proxy", "outbound-allow", "registry-folder",
    ]

    /// The process's environment.
    static func current() -> [String: String] {
        var variables: [String: String] = [:]
        var at = environ
        while let entry = at.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            at += 1
        }
        return variables
    }

    /// The arguments with the flags that only the environment has.
    ///
    /// - Throws: `ValidationError` for a switch that is neither on nor off.
    static func complete(
        _ arguments: [String],
        from environment: [String: String]
    ) throws -> [String] {
        let words = arguments.filter { !$0.hasPrefix("-") }
        let command = words.first == "packs" ? words.dropFirst().first : words.first
        guard let command, let known = flags[command] else { return arguments }
        var completed = arguments
        for (flag, isSwitch) in known.sorted(by: { $0.key < $1.key }) {
            let name = "--" + flag
            let isGiven = arguments.contains { $0 == name || $0.hasPrefix(name + "=") }
            let variable = "EASEL_" + flag.replacing("-", with: "_").uppercased()
            guard !isGiven, let value = environment[variable], !value.isEmpty else { continue }
            if isSwitch {
                switch value.lowercased() {
                case "1", "true", "yes": completed.append(name)
                case "0", "false", "no": break
                default:
                    // Taken for off, a misspelt switch would leave a server without TLS.
                    throw ValidationError(
                        "\(variable) must be 1, true, yes, 0, false or no, not '\(value)'."
                    )
                }
            } else if repeated.contains(flag) {
                for one in value.split(separator: ",") { completed += [name, String(one)] }
            } else {
                completed += [name, value]
            }
        }
        return completed
    }
}
