/// Every bound of the appliances' folder that is not a rule of one value.
package struct ApplianceLimits: Sendable {
    /// Appliances that one tenant may have, its projects together.
    ///
    /// The documented service stops at 200, or 50,000 on request, per organisation. Here one
    /// server is often one organisation, and a fleet of 100,000 must fit in it; twice that leaves
    /// room to replace a fleet, and still keeps one tenant from filling the disk of all others.
    package var perTenant: Int64 = 200_000
    /// Registration tokens that people of one tenant may have made.
    package var tokensPerTenant = 50
    /// Profiles that one appliance may follow.
    package var profilesPerAppliance = 20
    /// Taken IDs that one tenant may run into at once before registrations of it are held up; see
    /// ``ConflictBudget``.
    package var conflictsBurst = 1000
    /// How many more taken IDs one tenant may run into each hour.
    package var conflictsPerHour = 900

    /// Items of a list that is asked for whole (`limit=0`), or that knows no pages.
    package static let listMax = 10_000

    package init() {}
}
