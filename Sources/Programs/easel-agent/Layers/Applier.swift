import AgentContract

/// Brings layers into being on the appliance and takes them away.
///
/// Every operation may be cut off at any point; `layers` then finds each layer as it was before or
/// as it should be.
protocol Applier: Sendable {
    /// What is there, by folder; nil for a folder that is damaged. Tidies up after a cut.
    func layers() throws -> [String: AppliedLayer?]
    /// Applies one layer in place of what has its folder.
    ///
    /// - Parameter part: the checked bytes behind a digest.
    /// - Throws: `LayerFailure` when the layer itself is at fault; anything else when the machine
    ///   is.
    func apply(
        _ layer: WantedLayer,
        site: SiteProperties,
        number: DesiredNumber?,
        part: (Part) throws -> [UInt8]
    ) throws
    /// Removes the layer in a folder; one that is not there is no error.
    func remove(folder: String) throws
}

/// Why one layer cannot be applied; the others go on.
struct LayerFailure: Error, Sendable, Hashable {
    /// CamelCase, for programs.
    let reason: String
    /// A sentence, for people.
    let message: String
    /// Whether waiting may help, as when a part could not be fetched.
    var isPending = false
}
