import ArgumentParser
import Glibc

/// The command line of Easel.
@main
struct Easel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "easel",
        abstract: "An open management plane for edge Kubernetes appliances.",
        version: Release.version,
        subcommands: [
            ServeCommand.self, BootstrapCommand.self, PacksCommand.self, BackupCommand.self,
            MigrateCommand.self, CheckCommand.self, OpenAPICommand.self,
        ]
    )

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            let environment = EnvironmentFlags.current()
            Self.main(try EnvironmentFlags.complete(arguments, from: environment))
        } catch {
            Self.exit(withError: error)
        }
    }
}

/// What this build is.
enum Release {
    static let version = "0.1.0"
}
