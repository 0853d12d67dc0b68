import JSON
import Storage

/// What somebody wants of the profiles that an appliance follows.
package enum ProfileUse: Sendable, Hashable {
    /// To follow them from now on: only profiles that an appliance may follow are given, and why
    /// another one may not is thrown as a `Failure`.
    case link
    /// `v1ProfileTemplateSummary`, for lists.
    case summary
    /// `v1ClusterProfileTemplate`, for one appliance.
    case full(resolvesValues: Bool)
}

/// Gives the profiles of these uids that can be seen from a scope, as the JSON of what they are
/// wanted for; one that is missing in the answer cannot be seen.
///
/// Profiles lie above appliances, so the program hands this look-up down.
package typealias ProfileTemplates =
    @Sendable (
        _ uids: [String], _ use: ProfileUse, _ scope: ApplianceScope, _ tx: borrowing Transaction
    ) throws -> [String: JSONObject]
