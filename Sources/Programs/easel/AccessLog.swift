import APIKit
import HTTPCore
import HTTPServer
import Logging

/// One log line for each request.
///
/// The route stands for the path, and the query is left out: both may hold secrets.
struct AccessLog: RequestObserver {
    private let dispatcher: Dispatcher
    private let level: Logger.Level
    private let logger: Logger

    init(_ dispatcher: Dispatcher, level: Logger.Level, _ logger: Logger) {
        self.dispatcher = dispatcher
        self.level = level
        self.logger = logger
    }

    func answered(_ answer: AnsweredRequest) {
        var fields: Logger.Metadata = ["request": "\(RequestID.text(answer.id))"]
        if let request = answer.request {
            fields = dispatcher.logFields(of: request)
            fields["method"] = "\(request.method.text)"
            if request.parkedNanoseconds > 0 {
                fields["parkedMicroseconds"] = "\(request.parkedNanoseconds / 1000)"
            }
        }
        fields["status"] = "\(answer.status)"
        fields["microseconds"] = "\(answer.microseconds)"
        fields["bytes"] = "\(answer.bytes)"
        // Behind a trusted proxy the request knows better than the connection.
        fields["peer"] = "\(answer.request?.peerAddress ?? answer.peerAddress)"
        logger.log(level: level, "request", metadata: fields)
    }
}
