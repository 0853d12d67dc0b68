import APIKit
import HTTPCore
import JSON

/// An answer that tells which endpoint ran and what it saw.
struct Seen: WireOutput {
    var operation: String
    var parameters: [String] = []
    var version: Int?

    static var examples: [Seen] { [Seen(operation: "a", parameters: ["b"])] }
    var entityTag: String? { version.map(String.init) }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("operation", operation)
            writer.field("parameters", parameters)
        }
    }
}

/// An endpoint that answers with its id and its path parameters.
func probe(
    _ method: HTTPMethod,
    _ path: String,
    _ id: String,
    access: Access = .user(Permission("thing.get")),
    version: Int? = nil
) -> Endpoint {
    let endpoint = Endpoint(
        method,
        path,
        id: id,
        tag: "things",
        summary: "Answers.",
        access: access,
        output: Seen.self
    ) { _, context in
        let parameters = try context.endpoint.pathParameters.map(context.parameter)
        return Seen(operation: id, parameters: parameters, version: version)
    }
    return version == nil ? endpoint : endpoint.answeringWithEntityTag()
}
