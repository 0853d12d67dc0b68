import APIKit
import JSON
import Primitives
import Storage

extension TemplateOutput {
    /// The template with its values as followers get them, but secrets masked.
    ///
    /// A layer that cannot be resolved shows its values as they were written.
    ///
    /// - Parameter variables: those that it was published with.
    func resolved(
        variables: JSONValue,
        _ tx: borrowing Transaction
    ) throws -> TemplateOutput {
        var published = profile
        published.name = name
        published.profileVersion = profileVersion
        published.variables = variables
        let raw = layers.map {
            LayerResolver.Resolved(layer: $0.layer, pack: $0.pack, values: $0.values)
        }
        var resolver = try ReferenceResolver(raw, of: published, showsSecrets: false, tx)
        let settled = resolver.resolve(FaultList()).layers
        return TemplateOutput(
            resolved: zip(layers, settled).map { $0.with(values: $1.values) },
            self
        )
    }
}
