import APIKit
import HTTPCore
import JSON
import Macros
import Primitives
import Storage

private let tag = "Cluster profiles"

extension Profiles {
    /// What one can do with the variables of a profile.
    var variableEndpoints: [Endpoint] {
        [getVariables, replaceVariables, updateVariables]
    }

    private var getVariables: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/variables",
            id: "V1ClusterProfilesUidVariablesGet",
            tag: tag,
            summary: "Lists a profile's variables; defaults of sensitive ones are masked.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: VariablesAnswer.self
        ) { _, context in
            let call = try ProfileCall(context)
            return try database.read { tx in
                let profile = try call.fetch(tx)
                return VariablesAnswer(
                    profileVersion: profile.version,
                    variables: profile.variableList
                )
            }
        }
    }

    private var replaceVariables: Endpoint {
        Endpoint(
            .put,
            "/v1/clusterprofiles/{uid}/variables",
            id: "V1ClusterProfilesUidVariablesPut",
            tag: tag,
            summary: "Replaces all variables of a profile's draft, in this order.",
            access: .user(.profileUpdate),
            failures: [.resourceNotFound, .ruleViolated, .inUse, .preconditionFailed],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: VariablesInput.self
        ) { input, context in
            let (call, shape) = (try ProfileCall(context), context.bodyFaults)
            let found = try await variableFaults(of: input.variables)
            try await database.write { tx in
                let profile = try call.fetchForWrite(tx, "clusterProfile.update")
                try Self.save(input.variables, of: profile, (shape, found), call, tx)
            }
        }
    }

    private var updateVariables: Endpoint {
        Endpoint(
            .patch,
            "/v1/clusterprofiles/{uid}/variables",
            id: "V1ClusterProfilesUidVariablesPatch",
            tag: tag,
            summary: "Changes or adds variables of a profile's draft; the others stay.",
            access: .user(.profileUpdate),
            failures: [.resourceNotFound, .ruleViolated, .limitExceeded, .preconditionFailed],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: VariablesInput.self
        ) { input, context in
            let (call, shape) = (try ProfileCall(context), context.bodyFaults)
            let found = try await variableFaults(of: input.variables)
            try await database.write { tx in
                let profile = try call.fetchForWrite(tx, "clusterProfile.update")
                try Self.merge(input.variables, into: profile, (shape, found), call, tx)
            }
        }
    }

    /// What is wrong with variables, found away from the loop: their patterns are tried.
    func variableFaults(of inputs: [VariableInput]) async throws -> [Fault] {
        if inputs.allSatisfy(\.variable.pattern.isEmpty) { return VariableRules.faults(of: inputs) }
        return try await awayFromLoop { VariableRules.faults(of: inputs) }
    }

    private static func save(
        _ inputs: [VariableInput],
        of profile: Profile,
        _ found: (shape: [Fault], rules: [Fault]),
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws {
        let faults = FaultList(found.rules)
        let variables = VariableRules.unmasked(inputs, profile.variableList, faults)
        try Failure.refuse(found.shape, and: faults.faults)
        let names = Set(variables.map(\.name))
        let gone = profile.variableList.map(\.name).filter { !names.contains($0) }
        try refuseIfUsed(Set(gone), profile)
        try store(variables, profile, call, tx)
    }

    private static func merge(
        _ inputs: [VariableInput],
        into profile: Profile,
        _ found: (shape: [Fault], rules: [Fault]),
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws {
        let faults = FaultList(found.rules)
        let former = profile.variableList
        let changed = VariableRules.unmasked(inputs, former, faults)
        let byName = Dictionary(changed.map { ($0.name, $0) }) { first, _ in first }
        let known = Set(former.map(\.name))
        let variables =
            former.map { byName[$0.name] ?? $0 } + changed.filter { !known.contains($0.name) }
        // A display name may be that of one that stays.
        for input in inputs where !input.variable.displayName.isEmpty {
            let isTaken = former.contains {
                $0.displayName == input.variable.displayName && byName[$0.name] == nil
            }
            guard isTaken else { continue }
            let what = "Another variable has this display name."
            faults.add(Fault(input.pointer + "/displayName", "DuplicateName", what))
        }
        try Failure.refuse(found.shape, and: faults.faults)
        guard variables.count <= ProfileVariable.countMax else {
            let most = ProfileVariable.countMax
            throw Failure(.limitExceeded, "A profile has at most \(most) variables.")
        }
        try store(variables, profile, call, tx)
    }

    private static func store(
        _ variables: [ProfileVariable],
        _ profile: Profile,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws {
        guard variables != profile.variableList else { return }
        var changed = profile
        changed.variables = try VariableCoding.json(variables)
        try call.save(changed, "Changed the variables of profile '\(profile.name)'.", tx)
    }

    /// - Throws: `.inUse` when a layer of the draft refers to one of these.
    private static func refuseIfUsed(_ gone: Set<String>, _ profile: Profile) throws {
        guard !gone.isEmpty else { return }
        let users = profile.layers.filter { layer in
            layer.references.contains {
                if case .variable(let name) = $0.target { gone.contains(name) } else { false }
            }
        }
        guard !users.isEmpty else { return }
        throw Failure(
            .inUse,
            "Layers refer to variables that would be gone; change these layers first.",
            details: ["layers": .array(users.map { .string($0.name) })]
        )
    }
}

extension VariableRules {
    static func faults(of inputs: [VariableInput]) -> [Fault] {
        let faults = FaultList()
        check(inputs, faults)
        return faults.faults
    }

    /// The variables of a new profile as they are stored.
    ///
    /// - Parameter faults: takes each default that is still masked.
    static func stored(_ inputs: [VariableInput], _ faults: FaultList) throws -> JSONValue {
        try VariableCoding.json(unmasked(inputs, [], faults))
    }

    /// The variables, with the default of a sensitive one that is put back as it was shown.
    ///
    /// - Parameter faults: takes each mask that stands for nothing.
    static func unmasked(
        _ inputs: [VariableInput],
        _ former: [ProfileVariable],
        _ faults: FaultList
    ) -> [ProfileVariable] {
        inputs.map { input in
            var variable = input.variable
            guard variable.defaultValue == ProfileVariable.mask else { return variable }
            let known = former.first { $0.name == variable.name }
            // What was never masked may be eight asterisks.
            guard variable.isSensitive || known?.isSensitive == true else { return variable }
            guard let known, !known.defaultValue.isEmpty, variable.isSensitive else {
                let what = "The default is masked; fill it in."
                faults.add(Fault(input.pointer + "/defaultValue", "MaskedValue", what))
                return variable
            }
            variable.defaultValue = known.defaultValue
            return variable
        }
    }
}
