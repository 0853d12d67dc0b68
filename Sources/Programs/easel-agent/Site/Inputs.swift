import AgentContract

/// What an operator put under the root: who the appliance is and what it belongs to.
struct Inputs: Sendable {
    let site: SiteProperties
    let deviceID: String
    let manifest: ArchiveManifest
    /// The revision that the archive carries.
    let profile: ProfileRevision
    let archiveDigest: String
    let server: ServerAddress
}

/// Looks for `unattended.yaml` and `systemprofile.tgz` until both can be used.
struct InputReader {
    let disk: any Disk
    let root: String
    /// The machine's ID, for a file that names none.
    let machineID: String

    /// What was found.
    enum Found {
        case ready(Inputs, SystemProfileArchive)
        /// These files are not there yet.
        case missing([String])
        /// These sentences say what is wrong.
        case faulty([String])
    }

    /// Changes when a file comes, goes or is written anew.
    func signature() throws -> String {
        try [SiteProperties.fileName, SystemProfileArchive.fileName]
            .map { try disk.signature(of: "\(root)/\($0)") ?? "-" }.joined(separator: "|")
    }

    func read() throws -> Found {
        let siteBytes = try disk.read(
            "\(root)/\(SiteProperties.fileName)",
            bytesMax: SiteProperties.bytesMax
        )
        let archiveBytes = try disk.read(
            "\(root)/\(SystemProfileArchive.fileName)",
            bytesMax: SystemProfileArchive.bytesMax
        )
        guard let siteBytes, let archiveBytes else {
            var names: [String] = []
            if siteBytes == nil { names.append(SiteProperties.fileName) }
            if archiveBytes == nil { names.append(SystemProfileArchive.fileName) }
            return .missing(names)
        }
        var faults: [String] = []
        var site: SiteProperties?
        do {
            site = try SiteProperties(yaml: siteBytes)
        } catch {
            faults += error.all.map { "\(SiteProperties.fileName), \($0)" }
        }
        var archive: SystemProfileArchive?
        do {
            archive = try SystemProfileArchive(archiveBytes)
        } catch {
            faults.append(error.description)
        }
        guard let site, let archive else { return .faulty(faults) }
        let deviceID = site.deviceID ?? machineID
        if let reason = SiteRules.deviceID(deviceID) {
            return .faulty([
                "\(SiteProperties.fileName) names no device_id, and the machine ID \(reason)"
            ])
        }
        let server = ServerAddress(
            url: site.endpoint ?? archive.manifest.serverURL,
            authority: archive.manifest.caCertificate,
            trustsPublic: site.endpoint != nil
        )
        let inputs = Inputs(
            site: site,
            deviceID: deviceID,
            manifest: archive.manifest,
            profile: archive.profile,
            archiveDigest: archive.digest,
            server: server
        )
        return .ready(inputs, archive)
    }
}
