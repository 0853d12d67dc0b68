/// Which appliances a search looks for.
///
/// A negation is always of a whole condition: what has no value meets no comparison, and so meets
/// every negated one.
package indirect enum ApplianceFilter: Sendable, Hashable {
    /// All of them hold; the empty list always does.
    case all([ApplianceFilter])
    /// One of them holds; the empty list never does.
    case any([ApplianceFilter])
    case not(ApplianceFilter)
    case text(TextProperty, TextComparison, String, ignoresCase: Bool)
    case number(NumberProperty, NumberComparison, Int64)
    case flag(FlagProperty, Bool)
    /// One of the tags, as lists show it, compares so.
    case tag(TextComparison, String, ignoresCase: Bool)
    /// The value of the tag with this key compares so.
    case tagValue(key: String, TextComparison, String, ignoresCase: Bool)

    /// Everything.
    package static let everything = ApplianceFilter.all([])

    /// Properties that are texts; the raw value is the name on the wire.
    package enum TextProperty: String, Sendable, CaseIterable {
        case name, uid, state, healthState, architecture, type, agentVersion
    }

    /// Properties that are whole numbers or moments, which are compared as milliseconds.
    package enum NumberProperty: String, Sendable, CaseIterable {
        case cpuCores, memoryInMB
        case creationTimestamp, lastModifiedTimestamp, lastSeenTimestamp

        /// Whether the property is a moment.
        package var isMoment: Bool {
            switch self {
            case .cpuCores, .memoryInMB: false
            case .creationTimestamp, .lastModifiedTimestamp, .lastSeenTimestamp: true
            }
        }
    }

    /// Properties that hold or do not.
    package enum FlagProperty: String, Sendable, CaseIterable {
        case isPaired, isPaused
    }

    /// How a text is compared.
    package enum TextComparison: String, Sendable, CaseIterable {
        case equals = "eq"
        case contains
        case begins = "beginsWith"
    }

    /// How a number is compared.
    package enum NumberComparison: String, Sendable, CaseIterable {
        case equals = "eq"
        case greater = "gt"
        case greaterOrEqual = "gte"
        case less = "lt"
        case lessOrEqual = "lte"
    }

    /// What the filter costs each row that it is tried on, one for a comparison of two texts.
    ///
    /// Weighed so that the dearest filter that is done takes about half a second on a hundred
    /// thousand appliances.
    package var cost: Int {
        switch self {
        // An empty one still is an expression that the database reads.
        case .all(let parts), .any(let parts): max(1, parts.reduce(0) { $0 + $1.cost })
        case .not(let part): part.cost
        case .text(let property, let comparison, _, let ignoresCase):
            (comparison == .contains ? 4 : 1) * (ignoresCase ? 2 : 1) * (property == .name ? 2 : 1)
        case .number, .flag: 1
        case .tag(let comparison, _, let ignoresCase),
            .tagValue(_, let comparison, _, let ignoresCase):
            (comparison == .contains ? 6 : 3) * (ignoresCase ? 2 : 1)
        }
    }
}

/// In which order a search answers.
package struct ApplianceSort: Sendable, Hashable {
    /// By what; the raw value is the name on the wire.
    package enum Field: String, Sendable, CaseIterable {
        case name, state, creationTimestamp, lastModifiedTimestamp

        /// Whether the field is a text; else it is a number.
        var isText: Bool { self == .name || self == .state }
    }

    package let field: Field
    package let isDescending: Bool

    package init(_ field: Field, isDescending: Bool = false) {
        self.field = field
        self.isDescending = isDescending
    }
}

/// A search that has passed all checks.
package struct ApplianceQuery: Sendable, Hashable {
    package var filter: ApplianceFilter
    /// The first one counts most; equal appliances follow in the order of their registration.
    package var sort: [ApplianceSort]

    package init(filter: ApplianceFilter = .everything, sort: [ApplianceSort] = []) {
        self.filter = filter
        self.sort = sort
    }
}

/// Every bound of a search.
package enum SearchLimits {
    /// The dearest filter: 12 times `contains` on a name.
    package static let costMax = 100
    /// Groups of conditions.
    package static let groupsMax = 50
    /// Fields to sort by.
    package static let sortMax = 4
    /// The longest value that a property is compared with, in bytes.
    package static let valueBytesMax = 512
}
