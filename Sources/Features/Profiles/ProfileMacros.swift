import APIKit
import JSON
import Macros
import Primitives
import Storage

extension Profiles {
    /// The profiles that refer to a macro that is gone and find it in no other scope.
    ///
    /// Those of other organisations are counted, not named.
    package static func macroUsers(
        _ notice: MacroNotice,
        _ gone: Set<String>,
        _ tx: borrowing Transaction
    ) throws -> [MacroUser] {
        var found: [MacroUser] = []
        for name in gone.sorted() {
            for user in try ReferenceStore.users(of: name, in: notice.scope, nil, tx) {
                let rest = try MacroStore.inEffect(
                    tenantUID: user.tenantUID,
                    projectUID: user.projectUID,
                    without: notice.scope,
                    tx
                )
                guard rest[name] == nil else { continue }
                let isOwn = user.tenantUID == notice.tenantUID
                found.append(
                    MacroUser(
                        macro: name,
                        profileUID: isOwn ? user.uid : "",
                        profileName: isOwn ? user.name : ""
                    )
                )
            }
        }
        return found
    }

    /// Gives published profiles that refer to changed macros a revision with the new values;
    /// called inside the transaction of the change.
    ///
    /// - Throws: `.ruleViolated` when one of the caller's own profiles cannot take a value; what
    ///   belongs to another organisation keeps its revision and does not hold up the change.
    package func macrosChanged(_ notice: MacroNotice, _ tx: borrowing Transaction) throws {
        var changed: [String: Set<String>] = [:]
        var foreign: Set<String> = []
        for name in notice.names {
            for user in try ReferenceStore.users(of: name, in: notice.scope, .published, tx) {
                changed[user.uid, default: []].insert(name)
                if user.tenantUID != notice.tenantUID { foreign.insert(user.uid) }
            }
        }
        for (uid, names) in changed.sorted(by: { $0.key < $1.key }) {
            do {
                _ = try publisher.resolve(profileUID: uid, macros: names, tx)
            } catch let error as StorageError {
                throw error
            } catch {
                guard !foreign.contains(uid) else {
                    tx.afterCommit { [onBroken] in onBroken(uid, error) }
                    continue
                }
                throw Self.refusal(error, profileUID: uid)
            }
        }
    }

    /// What a profile says against a macro's value, in words of the macro's author.
    private static func refusal(_ error: any Error, profileUID: String) -> any Error {
        guard let failure = error as? Failure, failure.code == .ruleViolated else { return error }
        return Failure(
            .ruleViolated,
            "A published profile cannot take this: \(failure.message)",
            details: [
                "profileUid": .string(profileUID),
                "reasons": .array(failure.faults.map { .string($0.message) }),
            ],
            cause: error
        )
    }
}
