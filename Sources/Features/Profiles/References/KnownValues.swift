import Macros
import Primitives
import Storage

/// What references of one profile stand for, without those to other layers.
struct KnownValues {
    let macros: [String: String]
    let variables: [String: ProfileVariable]
    /// What the server knows of `.spectro.system`.
    private let system: [String: String]
    /// Whether a required variable without a default is a fault: nobody gives it a value later.
    private let needsDefaults: Bool

    /// Everything that `.spectro.system` may be followed by; what is not known when a profile is
    /// published stays as it is.
    static let systemNames: Set<String> = [
        "user.name", "user.uid", "user.email", "tenant.uid", "project.name", "project.uid",
        "cluster.name", "cluster.uid", "cluster.kubevip", "clusterprofile.name",
        "clusterprofile.uid", "clusterprofile.version", "clusterprofile.infra.name",
        "clusterprofile.infra.uid", "clusterprofile.infra.version", "kubernetes.version",
        "cloudaccount.name", "cloudaccount.uid", "cloud.type", "cloud.region",
        "reverseproxy.server", "reverseproxy.port", "reverseproxy.protocol",
        "reverseproxy.vhostport",
    ]

    /// What holds for a profile in its own scope.
    ///
    /// - Parameter kubernetesVersion: of the profile's own Kubernetes layer, if it has one.
    init(
        _ profile: Profile,
        kubernetesVersion: String? = nil,
        _ tx: borrowing Transaction
    ) throws {
        macros = try MacroStore.inEffect(
            tenantUID: profile.tenantUID,
            projectUID: profile.projectUID,
            tx
        )
        variables = Dictionary(profile.variableList.map { ($0.name, $0) }) { first, _ in first }
        needsDefaults = profile.type == .system
        var system = [
            "tenant.uid": profile.tenantUID, "clusterprofile.name": profile.name,
            "clusterprofile.uid": profile.uid, "clusterprofile.version": profile.profileVersion,
        ]
        if profile.type.takesCoreLayers {
            for part in ["name", "uid", "version"] {
                system["clusterprofile.infra.\(part)"] = system["clusterprofile.\(part)"]
            }
        }
        if profile.cloudType != "all" { system["cloud.type"] = profile.cloudType }
        system["kubernetes.version"] = kubernetesVersion
        if !profile.projectUID.isEmpty {
            system["project.uid"] = profile.projectUID
            system["project.name"] = try ReferenceStore.projectName(profile.projectUID, tx)
        }
        self.system = system
    }

    /// What a reference is found to be; `nil` for one to another layer.
    ///
    /// - Parameter showsSecrets: false for readers, who get a mask.
    func answer(_ reference: TemplateReference, showsSecrets: Bool) -> TemplateAnswer? {
        switch reference.target {
        case .macro(let name):
            guard let value = macros[name] else {
                return .fault(
                    code: "UnknownMacro",
                    message: "There is no macro '\(name)' in the project, the tenant or the system."
                )
            }
            return .value(value)
        case .system(let name):
            guard Self.systemNames.contains(name) else {
                return .fault(
                    code: "UnknownMacro",
                    message: "The server knows no '.spectro.system.\(name)'."
                )
            }
            return system[name].map(TemplateAnswer.value) ?? .unknown
        case .variable(let name):
            return answer(forVariable: name, reference, showsSecrets: showsSecrets)
        case .pack:
            return nil
        }
    }

    private func answer(
        forVariable name: String,
        _ reference: TemplateReference,
        showsSecrets: Bool
    ) -> TemplateAnswer {
        guard let variable = variables[name] else {
            return .fault(
                code: "UnknownVariable",
                message: "The profile has no variable '\(name)'."
            )
        }
        guard !reference.hasFunctions else {
            return .fault(
                code: "FunctionNotAllowed",
                message: "A variable goes through no functions."
            )
        }
        let value = variable.fallback
        if variable.isSensitive, !showsSecrets, !value.isEmpty {
            return .masked(ProfileVariable.mask)
        }
        guard value.isEmpty, variable.isRequired else { return .value(value) }
        guard needsDefaults else { return .unknown }
        return .fault(
            code: "RequiredValue",
            message: "Variable '\(name)' is required and has no default, and an appliance gives it "
                + "no value."
        )
    }
}
