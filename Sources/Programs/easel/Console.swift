import Archive
import ArgumentParser
import Crypto
import Glibc
import HTTPClient
import HTTPCore
import TLS

/// Why a command did not do what it was asked; it exits with 1, where wrong arguments give 64.
struct Refusal: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) {
        description = sentence
    }
}

/// Reads a file that a flag names.
func readFile(_ path: String, bytesMax: Int) throws -> [UInt8] {
    do {
        return try Files.read(path, bytesMax: bytesMax)
    } catch {
        throw Refusal("\(error)")
    }
}

/// Prints bytes and a line feed.
func printBytes(_ bytes: [UInt8]) {
    print(String(decoding: bytes, as: UTF8.self))
}

/// Prints a line to standard error.
func printError(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}

extension String {
    /// The text without line feeds at its end.
    var trimmingNewlines: String {
        var text = self
        while let last = text.unicodeScalars.last, last == "\n" || last == "\r" {
            text.unicodeScalars.removeLast()
        }
        return text
    }
}

/// Calls that commands make to a server.
enum Outbound {
    /// One client for a command; trusts the system's authorities and those of `SSL_CERT_FILE`.
    static func client() throws -> BlockingHTTPClient {
        var options = HTTPClientOptions()
        if let path = getenv("SSL_CERT_FILE").map({ String(cString: $0) }), !path.isEmpty {
            let pem = try readFile(path, bytesMax: 4 << 20)
            options.trust = .only(pem)
        } else {
            options.trust = .system
        }
        return try HTTPClient.blocking(options: options)
    }

    static func get(_ text: String) throws -> ClientResponse {
        guard let url = HTTPURL(text) else { throw ValidationError("'\(text)' is not a URL.") }
        let client = try client()
        return try client.send(ClientRequest(.get, url))
    }
}
