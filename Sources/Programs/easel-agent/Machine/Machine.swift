import Crypto
import Glibc
import JSON
import Primitives

/// What the machine is and has, as it tells the server when it pairs.
struct Machine: Sendable, Hashable {
    struct Disk: Sendable, Hashable {
        let name: String
        let vendor: String
        let gigabytes: Int64
    }

    struct Interface: Sendable, Hashable {
        let name: String
        let hardwareAddress: String
        let address: String
        let isDefault: Bool
    }

    var hostName = ""
    /// `amd64` or `arm64`.
    var architecture = ""
    var cores: Int64 = 0
    var memoryMB: Int64 = 0
    var disks: [Disk] = []
    var interfaces: [Interface] = []
    var osFamily = ""
    var osVersion = ""
    var kernel = ""
    var kernelVersion = ""
    /// `/etc/machine-id`; empty when there is none.
    var machineID = ""
    /// The board's UUID, which only root may read; empty otherwise.
    var boardID = ""

    /// The interface that the site speaks for.
    var mainInterface: Interface? {
        interfaces.first(where: \.isDefault) ?? interfaces.first { !$0.address.isEmpty }
    }

    /// What the server recognises the machine by; nil when the machine has nothing of its own.
    var fingerprint: String? {
        guard !machineID.isEmpty || !boardID.isEmpty else { return nil }
        return SHA256.digest("easel machine\n\(machineID)\n\(boardID)").hex
    }
}

extension Machine: JSONWritable {
    /// The part `spec.device` of Palette's device document.
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("archType", architecture)
        writer.key("cpu")
        writer.beginObject()
        writer.field("cores", cores)
        writer.endObject()
        writer.key("memory")
        writer.beginObject()
        writer.field("sizeInMB", memoryMB)
        writer.endObject()
        writer.key("disks")
        writer.beginArray()
        for disk in disks {
            writer.beginObject()
            writer.field("controller", disk.name)
            writer.field("size", disk.gigabytes)
            writer.field("vendor", disk.vendor)
            writer.endObject()
        }
        writer.endArray()
        writer.key("nics")
        writer.beginArray()
        for interface in interfaces {
            writer.beginObject()
            writer.field("nicName", interface.name)
            writer.field("ip", interface.address)
            writer.field("macAddr", interface.hardwareAddress)
            writer.field("isDefault", interface.isDefault)
            writer.endObject()
        }
        writer.endArray()
        writer.key("os")
        writer.beginObject()
        writer.field("family", osFamily)
        writer.field("version", osVersion)
        writer.field("kernel", kernel)
        writer.field("kernelVersion", kernelVersion)
        writer.endObject()
        writer.field("hostType", "appliance")
        writer.endObject()
    }
}

extension Machine {
    /// Asks the kernel.
    ///
    /// What a sandbox hides is left empty.
    static func current() -> Machine {
        var machine = Machine()
        var names = utsname()
        if uname(&names) == 0 {
            machine.hostName = text(of: &names.nodename)
            machine.kernel = text(of: &names.sysname)
            machine.kernelVersion = text(of: &names.release)
        }
        #if arch(arm64)
            machine.architecture = "arm64"
        #else
            machine.architecture = "amd64"
        #endif
        machine.cores = Int64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let pages = Int64(sysconf(Int32(_SC_PHYS_PAGES)))
        let pageBytes = Int64(sysconf(Int32(_SC_PAGESIZE)))
        machine.memoryMB = (max(0, pages) * max(0, pageBytes)) >> 20
        let release = OSRelease(KernelFile.text("/etc/os-release"))
        machine.osFamily = release.id
        machine.osVersion = release.version
        machine.disks = disks()
        machine.interfaces = interfaces()
        machine.machineID = KernelFile.line("/etc/machine-id")
        machine.boardID = KernelFile.line("/sys/class/dmi/id/product_uuid")
        return machine
    }

    private static func text<Value>(of field: inout Value) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static func disks() -> [Disk] {
        let passing = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"]
        let names = (try? SystemDisk().names(in: "/sys/block")) ?? []
        return names.compactMap { name in
            guard !passing.contains(where: name.hasPrefix) else { return nil }
            let sectors = Int64(KernelFile.line("/sys/block/\(name)/size")) ?? 0
            guard sectors > 0 else { return nil }
            return Disk(
                name: name,
                vendor: KernelFile.line("/sys/block/\(name)/device/vendor"),
                // Sectors of this file always have 512 bytes.
                gigabytes: sectors >> 21
            )
        }
    }

    private static func interfaces() -> [Interface] {
        let addresses = addresses()
        let defaultName = KernelFile.text("/proc/net/route").split(separator: "\n").dropFirst()
            .compactMap { line -> String? in
                let columns = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
                return columns.count > 1 && columns[1] == "00000000" ? String(columns[0]) : nil
            }.first
        let names = (try? SystemDisk().names(in: "/sys/class/net")) ?? []
        return names.filter { $0 != "lo" }.map { name in
            Interface(
                name: name,
                hardwareAddress: KernelFile.line("/sys/class/net/\(name)/address"),
                address: addresses[name] ?? "",
                isDefault: name == defaultName
            )
        }
    }

    /// The first IPv4 address of each interface.
    private static func addresses() -> [String: String] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [:] }
        defer { freeifaddrs(first) }
        var addresses: [String: String] = [:]
        var next = first
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == AF_INET,
                let name = entry.pointee.ifa_name
            else { continue }
            let text = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
                var number = pointer.pointee.sin_addr
                var buffer = [CChar](repeating: 0, count: 16)
                guard inet_ntop(AF_INET, &number, &buffer, 16) != nil else { return "" }
                return String(
                    decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                    as: UTF8.self
                )
            }
            let key = String(cString: name)
            if addresses[key] == nil { addresses[key] = text }
        }
        return addresses
    }
}

/// The two lines of `os-release` that matter.
struct OSRelease: Sendable, Hashable {
    var id = ""
    var version = ""

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = String(parts[1].filter { $0 != "\"" && $0 != "'" })
            if parts[0] == "ID" { id = value }
            if parts[0] == "VERSION_ID" { version = value }
        }
    }
}

/// Small texts that the kernel or the system keeps in files.
private enum KernelFile {
    static func text(_ path: String) -> String {
        let bytes = (try? SystemDisk().read(path, bytesMax: 1 << 20)) ?? nil
        return String(decoding: bytes ?? [], as: UTF8.self)
    }

    /// The first line without blanks at its end; empty when the file cannot be read.
    static func line(_ path: String) -> String {
        var line = text(path).prefix { $0 != "\n" }
        while line.last == " " { line.removeLast() }
        return String(line)
    }
}
