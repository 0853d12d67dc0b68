import HTTPCore
import TestSupport
import Testing

@Suite("The first ten minutes of the README")
struct FirstTenMinutesTests {
    /// The lines of every block that a reader is to type.
    static func script(_ markdown: String) -> String {
        var lines: [Substring] = []
        var isInside = false
        for line in markdown.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```sh" {
                isInside = true
            } else if line == "```" {
                isInside = false
            } else if isInside {
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n")
    }

    @Test(.enabled(if: isInstalled("curl") && isInstalled("jq")), .timeLimit(.minutes(2)))
    func `every line runs against a real server`() async throws {
        let script = Self.script(try TestFiles.text(Programs.repository + "/README.md"))
        #expect(script.contains("easel-agent"))
        let server = try await EaselProcess.start()
        let site = try SiteFolder()
        let result = try await Programs.bash(
            script,
            environment: [
                "BIN": try Programs.folder(), "DATA": server.data,
                "EXAMPLES": Programs.examples, "EASEL": server.secureURL, "SITE": site.path,
            ],
            directory: Programs.repository, within: .seconds(60))
        #expect(result.ending == .exit(0), "\(result.output)\n\(result.errors)\n\(site.log)")
        for line in ["1 imported, 0 unchanged, 0 refused", "unpaired", "log-shipper 4.1.0"] {
            #expect(result.output.contains(line), "\(result.output)")
        }
        #expect(!site.layers.contains { $0.contains("opening-note") })
        let api = try server.api()
        let appliance = try await api.call(.get, "/v1/edgehosts/device-153")
        #expect(appliance["status"]?["state"]?.text == "ready")
        #expect(try await server.stop() == .exit(0))
    }
}
