import APIKit
import Archive

/// One thing that is wrong, or merely odd, in one file of a pack.
package struct PackFault: Sendable, Hashable, CustomStringConvertible {
    /// The file's path inside the pack; empty for the pack as a whole.
    package let file: String
    /// Where in the file: an RFC 6901 pointer such as `/version`, or `line 3, column 7`; empty for
    /// the whole file.
    package let place: String
    /// Which rule, stable for programs, such as `Required` or `InvalidYAML`.
    package let code: String
    /// What to change, for a person.
    package let message: String

    /// Makes a fault; `place` is empty for the whole file.
    package init(_ file: String, _ place: String, _ code: String, _ message: String) {
        self.file = file
        self.place = place
        self.code = code
        self.message = message
    }

    /// The whole fault in one line: file, place and message.
    package var description: String {
        let subject = [file, place].filter { !$0.isEmpty }.joined(separator: " ")
        return subject.isEmpty ? message : "\(subject): \(message)"
    }

    /// The same as a fault of a request whose body was the pack: the pointer is the file's path
    /// and, behind `#`, the place in it.
    package var fault: Fault {
        Fault(place.isEmpty ? file : "\(file)#\(place)", code, message)
    }

    /// What an unreadable archive or folder comes down to.
    init(_ error: ArchiveError, in file: String = "") {
        let code: String
        switch error.kind {
        case .malformed: code = "MalformedArchive"
        case .tooLarge: code = "TooLarge"
        case .unsafe: code = "UnsafeEntry"
        case .system: code = "Unreadable"
        }
        if file.isEmpty {
            self.init(error.entry ?? "", "", code, error.reason)
        } else {
            self.init(file, error.entry ?? "", code, error.reason)
        }
    }
}

/// Collects what is wrong with one pack, at most `PackLimits.faultCountMax` faults and as many
/// warnings.
struct PackFindings {
    private(set) var faults: [PackFault] = []
    private(set) var warnings: [PackFault] = []

    mutating func fault(_ file: String, _ place: String, _ code: String, _ message: String) {
        add(PackFault(file, place, code, message))
    }

    /// Notes a fault of a file as a whole.
    mutating func fault(_ file: String, _ code: String, _ message: String) {
        add(PackFault(file, "", code, message))
    }

    mutating func add(_ fault: PackFault) {
        if faults.count < PackLimits.faultCountMax { faults.append(fault) }
    }

    /// Notes something odd about a file as a whole.
    mutating func warn(_ file: String, _ code: String, _ message: String) {
        warn(file, "", code, message)
    }

    mutating func warn(_ file: String, _ place: String, _ code: String, _ message: String) {
        guard warnings.count < PackLimits.faultCountMax else { return }
        warnings.append(PackFault(file, place, code, message))
    }

    /// Takes over what reading the members of a JSON object found.
    mutating func add(_ list: FaultList, in file: String) {
        for fault in list.faults {
            add(PackFault(file, fault.pointer, fault.code, fault.message))
        }
    }
}
