import JSON

/// The values of a revision's sensitive variables, to be taken out of texts that hold them.
struct SensitiveValues: Sendable {
    /// The longest first: one may be part of another.
    private let values: [String]

    /// - Parameter variables: of one revision, or of several that are compared.
    init(_ variables: JSONValue...) {
        let secrets = variables.flatMap(VariableCoding.variables).filter(\.isSensitive)
        // A value of several lines is indented where it is put in.
        let lines = secrets.flatMap { $0.fallback.split(whereSeparator: \.isNewline) }
            .map { String($0.drop { $0 == " " }) }
        values = Set(lines).subtracting([""]).sorted {
            ($0.utf8.count, $0) > ($1.utf8.count, $1)
        }
    }

    /// A text with a mask in the place of each of the values.
    func masked(_ text: String) -> String {
        values.reduce(text) { $0.replacing($1, with: ProfileVariable.mask) }
    }
}
