import ArgumentParser
import Crypto
import EventLoop
import Glibc
import HTTPServer
import Identity
import Logging
import Primitives
import Storage
import Telemetry
import TLS

/// `easel serve`: runs the server until SIGTERM or SIGINT; SIGHUP has it read its certificates
/// again.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server."
    )

    @OptionGroup var options: ServeOptions

    func run() throws {
        let format = options.logFormat ?? (isatty(2) == 1 ? .text : .json)
        let logger = makeLogger(format)
        do {
            try serve(logger)
        } catch {
            guard format == .json else { throw error }
            // Who collects the log reads there why nothing came up.
            logger.critical("\(Self.message(for: error))")
            throw Self.exitCode(for: error)
        }
    }

    private func serve(_ logger: Logger) throws {
        StopSignals.block()
        let directory = try DataDirectory(options.data)
        if directory.letsOthersIn {
            logger.warning(
                "others than its owner may look into the data directory; chmod 700 keeps them out",
                metadata: ["directory": "\(directory.path)"]
            )
        }
        // To take another's place means to be in the queue before it leaves. Otherwise the data
        // directory comes first: of two servers the second is refused with the better reason.
        let early = options.takeOver ? try options.listeningSockets() : nil
        if early != nil { logger.info("listening; waits until the data directory is free") }
        let server = try RunningServer(directory, options, logger)
        // The address that the sign-in names is known only now, and an address in use makes no
        // tenant whose sign-in nobody has read.
        let addresses = server.start(on: try early ?? options.listeningSockets())
        try FirstStart.run(
            server.database,
            output: options.bootstrapOutput,
            directory: directory,
            address: server.publicURL,
            logger: logger
        )
        logger.info(
            "ready",
            metadata: [
                "addresses": "\(addresses.joined(separator: " "))",
                "version": "\(Release.version)",
            ]
        )
        var signal = StopSignals.wait()
        while signal == SIGHUP {
            server.reloadCertificates()
            signal = StopSignals.wait()
        }
        logger.info("stopping", metadata: ["signal": "\(signal)"])
        // A second signal ends the process at once, whatever still runs.
        StopSignals.exitOnNext()
        server.stop()
        logger.info("stopped")
    }

    private func makeLogger(_ format: LogFormat) -> Logger {
        let level = Logger.Level(rawValue: options.logLevel.rawValue) ?? .info
        return Logger(label: "easel") { LogLines(label: $0, format: format, level: level) }
    }
}
