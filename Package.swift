// swift-tools-version: 6.2
import Foundation
import PackageDescription

// Who may depend on whom. Arrows point down only: Programs → Features → Platform → Shims.
// A target is a folder; `Sources/<layer>/<name>` holds its code, `Tests/<layer>/<name>Tests` its
// tests.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

func platform(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Sources/Platform/\(name)",
        swiftSettings: strict
    )
}

func feature(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Sources/Features/\(name)",
        swiftSettings: strict + [.strictMemorySafety()]
    )
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: "Sources/Programs/\(name)",
        swiftSettings: strict
    )
}

func tests(
    _ path: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = []
) -> Target {
    .testTarget(
        name: String(path.split(separator: "/").last ?? ""),
        dependencies: dependencies,
        path: "Tests/\(path)",
        exclude: exclude,
        swiftSettings: strict
    )
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)

let shims: [Target] = [
    .target(name: "CSystem", path: "Sources/Shims/CSystem"),
    .target(
        name: "CAssets",
        path: "Sources/Shims/CAssets",
        cSettings: [.unsafeFlags(["-std=c23"])]
    ),
    .systemLibrary(name: "CSQLite", path: "Sources/Shims/CSQLite", pkgConfig: "sqlite3"),
    .systemLibrary(name: "CZlib", path: "Sources/Shims/CZlib", pkgConfig: "zlib"),
    .systemLibrary(name: "CYAML", path: "Sources/Shims/CYAML", pkgConfig: "yaml-0.1"),
    .systemLibrary(name: "COpenSSL", path: "Sources/Shims/COpenSSL", pkgConfig: "openssl"),
]

let platformTargets: [Target] = [
    platform("Primitives", ["CSystem"]),
    platform("JSON", ["Primitives"]),
    platform("YAML", ["CYAML", "JSON"]),
    platform("Archive", ["CSystem", "CZlib"]),
    platform("Crypto", ["COpenSSL", "Primitives"]),
    platform("EventLoop", ["CSystem", "Primitives"]),
    platform("TLS", ["COpenSSL", "Crypto", "Primitives"]),
    platform("HTTPCore", ["Primitives"]),
    platform("HTTPServer", ["CSystem", "EventLoop", "HTTPCore", "Primitives", "TLS"]),
    platform("HTTPClient", ["CSystem", "EventLoop", "HTTPCore", "Primitives", "TLS"]),
    platform("Storage", ["CSQLite", "CSystem", "CAssets", "COpenSSL", "Primitives"]),
    platform("Telemetry", ["Primitives", "JSON", logging]),
    platform(
        "APIKit",
        [
            "Crypto", "EventLoop", "HTTPCore", "JSON", "Primitives", "Storage", "Telemetry",
            logging,
        ]
    ),
]

let featureTargets: [Target] = [
    feature("AgentContract", ["JSON", "Primitives"]),
    feature("Audit", ["APIKit", "Primitives", "Storage"]),
    feature(
        "Identity",
        ["APIKit", "Audit", "Crypto", "EventLoop", "HTTPCore", "JSON", "Primitives", "Storage"]
    ),
    feature(
        "Appliances",
        [
            "APIKit", "Audit", "Crypto", "HTTPCore", "Identity", "JSON", "Primitives", "Storage",
        ]
    ),
    feature(
        "Packs",
        [
            "APIKit", "Archive", "Audit", "Crypto", "EventLoop", "HTTPCore", "Identity", "JSON",
            "Primitives", "Storage", "YAML",
        ]
    ),
    feature(
        "Profiles",
        [
            "AgentContract", "APIKit", "Appliances", "Archive", "Audit", "Crypto", "HTTPCore",
            "Identity", "JSON", "Packs", "Primitives", "Storage", "YAML",
        ]
    ),
    feature(
        "AgentSync",
        [
            "AgentContract", "APIKit", "Appliances", "Audit", "Crypto", "EventLoop", "HTTPCore",
            "Identity", "JSON", "Packs", "Primitives", "Profiles", "Storage", logging,
        ]
    ),
]

let programs: [Target] = [
    program(
        "easel",
        [
            "AgentSync", "APIKit", "Appliances", "Archive", "Audit", "CAssets", "Crypto",
            "EventLoop", "HTTPClient", "HTTPCore", "HTTPServer", "Identity", "JSON", "Packs",
            "Primitives", "Profiles", "Storage", "Telemetry", "TLS", arguments, logging,
        ]
    ),
    program(
        "easel-agent",
        [
            "AgentContract", "Archive", "Crypto", "EventLoop", "HTTPClient", "HTTPCore", "JSON",
            "Primitives", "Telemetry", "TLS", "YAML", arguments, logging,
        ]
    ),
]

let benchmarks: [Target] = [
    .executableTarget(
        name: "easel-bench",
        dependencies: [
            "CSystem", "EventLoop", "HTTPClient", "HTTPCore", "JSON", "Primitives", "TLS",
            arguments,
        ],
        path: "Benchmarks/easel-bench",
        swiftSettings: strict
    )
]

let testTargets: [Target] = [
    .target(
        name: "TestSupport",
        dependencies: [
            "APIKit", "Crypto", "EventLoop", "HTTPCore", "JSON", "Primitives", "Storage", logging,
        ],
        path: "Tests/Support",
        swiftSettings: strict
    ),
    tests(
        "Platform/APIKitTests",
        ["APIKit", "HTTPCore", "JSON", "Primitives", "Storage", "TestSupport"]
    ),
    tests("Platform/ArchiveTests", ["Archive"]),
    tests("Platform/CryptoTests", ["Crypto", "Primitives"]),
    tests("Platform/EventLoopTests", ["EventLoop", "Primitives"]),
    tests(
        "Platform/HTTPClientTests",
        ["CSystem", "Crypto", "EventLoop", "HTTPClient", "HTTPCore", "Primitives", "TLS"]),
    tests("Platform/HTTPCoreTests", ["HTTPCore"]),
    tests("Platform/HTTPServerTests", ["HTTPServer", "TLS"]),
    tests("Platform/JSONTests", ["JSON", "Primitives"]),
    tests("Platform/PrimitivesTests", ["Primitives"]),
    tests("Platform/StorageTests", ["CAssets", "CSQLite", "Primitives", "Storage", "TestSupport"]),
    tests("Platform/TelemetryTests", ["Telemetry"]),
    tests("Platform/TLSTests", ["TLS", "Crypto"]),
    tests("Platform/YAMLTests", ["Archive", "JSON", "YAML"]),
    tests("Features/AgentContractTests", ["AgentContract", "JSON"]),
    tests(
        "Features/AgentSyncTests",
        [
            "AgentContract", "AgentSync", "APIKit", "Appliances", "Crypto", "EventLoop", "HTTPCore",
            "JSON", "Primitives", "Storage", "TestSupport", logging,
        ]),
    tests(
        "Features/AppliancesTests",
        [
            "APIKit", "Appliances", "Audit", "Crypto", "HTTPCore", "JSON", "Primitives", "Storage",
            "TestSupport",
        ]),
    tests(
        "Features/IdentityTests",
        [
            "APIKit", "Audit", "Crypto", "HTTPCore", "Identity", "JSON", "Primitives", "Storage",
            "TestSupport",
        ]
    ),
    tests("Features/PacksTests", ["Packs", "TestSupport", "Archive", "YAML"]),
    tests(
        "Features/ProfilesTests",
        [
            "AgentContract", "APIKit", "Appliances", "Archive", "Audit", "Crypto", "HTTPCore",
            "JSON", "Packs", "Primitives", "Profiles", "Storage", "TestSupport", "YAML",
        ]
    ),
    tests(
        "Programs/AgentTests",
        [
            "easel-agent", "AgentContract", "Archive", "Crypto", "HTTPCore", "JSON", "Primitives",
            "YAML",
        ]),
    tests(
        "ContractTests",
        [
            "easel", "AgentSync", "APIKit", "Archive", "CSQLite", "Crypto", "EventLoop", "HTTPCore",
            "Identity", "JSON", "Packs", "Primitives", "Storage", "TestSupport", logging,
        ],
        exclude: ["Fixtures"]
    ),
    tests("TidyTests", []),
    tests("SystemTests", ["TestSupport"]),
]

// TEMPORARY while folders are still being filled: only what has sources is built.
func present(_ targets: [Target]) -> [Target] {
    targets.filter { target in
        guard let path = target.path else { return true }
        let files =
            FileManager.default.enumerator(
                atPath: Context.packageDirectory + "/" + path
            )?.allObjects as? [String] ?? []
        return target.type == .system
            || files.contains { $0.hasSuffix(".swift") || $0.hasSuffix(".c") }
    }
}

let package = Package(
    name: "easel",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: present(shims + platformTargets + featureTargets + programs + benchmarks + testTargets)
)
