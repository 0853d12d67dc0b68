import Glibc
import HTTPServer

/// Listening sockets that the service manager opened and hands to the process (sd_listen_fds(3)).
///
/// The manager keeps its own copy, so that clients stand in the queue while the server restarts.
enum HandedSockets {
    private static let first: Int32 = 3

    /// What the environment says was handed over, with what is spoken there: TLS on a socket whose
    /// name is `https`, plain HTTP on all others.
    ///
    /// Takes the variables away, so that no child believes they are meant for it.
    static func take(
        clientCertificates: ServerConfiguration.ClientCertificates
    ) throws -> [(number: Int32, endpoint: ServerConfiguration.Endpoint)] {
        let environment = EnvironmentFlags.current()
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) } }
        guard let count = environment["LISTEN_FDS"],
            environment["LISTEN_PID"] == "\(getpid())"
        else { return [] }
        guard let count = Int32(count), (0...64).contains(count) else {
            throw Refusal("LISTEN_FDS is '\(count)', not a number of sockets.")
        }
        let names = (environment["LISTEN_FDNAMES"] ?? "")
            .split(separator: ":", omittingEmptySubsequences: false)
        return (0..<count).map { index in
            let place = Int(index)
            let isSecure = names.indices.contains(place) && names[place] == "https"
            return (
                Self.first + index,
                ServerConfiguration.Endpoint(
                    host: "",
                    port: 0,
                    isSecure: isSecure,
                    clientCertificates: isSecure ? clientCertificates : .none
                )
            )
        }
    }
}
