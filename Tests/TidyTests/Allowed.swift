/// The places that break a rule today, in the form that `AllowList` describes.
///
/// A new place does not belong here: change the place. When a count has fallen, the test asks for
/// the entry to be lowered.
let allowedPlaces = """
    shim-import Sources/Platform/Storage/Migration.swift 1
    undocumented Sources/Features/AgentContract/ArchiveManifest.swift 3
    undocumented Sources/Features/AgentContract/DesiredState.swift 1
    undocumented Sources/Features/AgentSync/FleetEntry.swift 1
    undocumented Sources/Platform/APIKit/Dispatcher.swift 2
    undocumented Sources/Platform/APIKit/Fields.swift 2
    undocumented Sources/Platform/APIKit/RequestContext.swift 2
    undocumented Sources/Platform/APIKit/Schema.swift 1
    """
