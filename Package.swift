// swift-tools-version: 6.2
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
    // Checks at run time that debug builds and all tests keep; a tenth of a poll's own time.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
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

func tests(_ path: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: String(path.split(separator: "/").last ?? ""),
        dependencies: dependencies,
        path: "Tests/\(path)",
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
    .systemLibrary(name: "CNghttp2", path: "Sources/Shims/CNghttp2", pkgConfig: "libnghttp2"),
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
    platform("HTTPCore", ["CNghttp2", "Primitives"]),
    platform("HTTPServer", ["CSystem", "EventLoop", "HTTPCore", "Primitives", "TLS"]),
    platform(
        "HTTPClient",
        ["Archive", "Crypto", "CSystem", "EventLoop", "HTTPCore", "Primitives", "TLS"]
    ),
    platform("Storage", ["CSQLite", "CSystem", "CAssets", "COpenSSL", "Primitives"]),
    platform("Telemetry", ["Primitives", "JSON", logging]),
    platform(
        "APIKit",
        [
            "Archive", "Crypto", "EventLoop", "HTTPCore", "JSON", "Primitives", "Storage",
            "Telemetry", logging,
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
            "APIKit", "Archive", "Audit", "Crypto", "EventLoop", "HTTPClient", "HTTPCore",
            "Identity", "JSON", "Primitives", "Storage", "YAML", logging,
        ]
    ),
    feature("Macros", ["APIKit", "Audit", "HTTPCore", "JSON", "Primitives", "Storage"]),
    feature(
        "Profiles",
        [
            "AgentContract", "APIKit", "Appliances", "Archive", "Audit", "Crypto", "HTTPCore",
            "Identity", "JSON", "Macros", "Packs", "Primitives", "Storage", "YAML",
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
            "EventLoop", "HTTPClient", "HTTPCore", "HTTPServer", "Identity", "JSON", "Macros",
            "Packs", "Primitives", "Profiles", "Storage", "Telemetry", "TLS", arguments, logging,
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

// The checks are ordinary code that tests run too. The program needs libFuzzer, which only
// `make fuzz` builds with; it sets the variable.
let fuzzing: [Target] =
    [
        .target(
            name: "FuzzChecks",
            dependencies: [
                "AgentContract", "AgentSync", "APIKit", "Appliances", "Archive", "HTTPClient",
                "HTTPCore", "JSON", "Macros", "Packs", "Primitives", "YAML",
            ],
            path: "Fuzzing/Checks",
            swiftSettings: strict
        )
    ]
    + (Context.environment["EASEL_FUZZ"] == nil
        ? []
        : [
            .executableTarget(
                name: "easel-fuzz",
                dependencies: ["FuzzChecks"],
                path: "Fuzzing/Driver",
                swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]
            )
        ])

let testTargets: [Target] = [
    .target(
        name: "CWatchedDisk",
        dependencies: ["CSQLite"],
        path: "Tests/Shims/CWatchedDisk",
        publicHeadersPath: "include"
    ),
    .target(
        name: "TestSupport",
        dependencies: [
            "APIKit", "Archive", "Crypto", "CWatchedDisk", "EventLoop", "HTTPClient", "HTTPCore",
            "HTTPServer", "JSON", "Primitives", "Storage", "TLS", logging,
        ],
        path: "Tests/Support",
        swiftSettings: strict
    ),
    tests(
        "Platform/APIKitTests",
        [
            "APIKit", "Archive", "Crypto", "EventLoop", "HTTPCore", "JSON", "Primitives", "Storage",
            "TestSupport", logging,
        ]
    ),
    tests("Platform/ArchiveTests", ["Archive"]),
    tests("Platform/CryptoTests", ["COpenSSL", "Crypto", "Primitives"]),
    tests("Platform/EventLoopTests", ["CSystem", "EventLoop", "Primitives"]),
    tests(
        "Platform/HTTPClientTests",
        [
            "Archive", "Crypto", "CSystem", "EventLoop", "HTTPClient", "HTTPCore", "HTTPServer",
            "Primitives", "TLS",
        ]
    ),
    tests("Platform/HTTPCoreTests", ["HTTPCore", "Primitives"]),
    tests(
        "Platform/HTTPServerTests",
        [
            "CNghttp2", "Crypto", "CSystem", "EventLoop", "HTTPCore", "HTTPServer", "Primitives",
            "TLS",
        ]
    ),
    tests("Platform/JSONTests", ["JSON", "Primitives"]),
    tests("Platform/PrimitivesTests", ["Primitives"]),
    tests("Platform/StorageTests", ["CAssets", "Primitives", "Storage", "TestSupport"]),
    tests("Platform/TLSTests", ["COpenSSL", "Crypto", "Primitives", "TLS"]),
    tests(
        "Platform/TelemetryTests",
        ["JSON", "Primitives", "Telemetry", "TestSupport", logging]
    ),
    tests("Platform/YAMLTests", ["Archive", "JSON", "YAML"]),
    tests("Features/AgentContractTests", ["AgentContract", "JSON"]),
    tests(
        "Features/AgentSyncTests",
        [
            "AgentContract", "AgentSync", "APIKit", "Appliances", "Crypto", "EventLoop",
            "HTTPCore", "JSON", "Primitives", "Storage", "TestSupport", logging,
        ]
    ),
    tests(
        "Features/AppliancesTests",
        [
            "APIKit", "Appliances", "Crypto", "HTTPCore", "JSON", "Primitives", "Storage",
            "TestSupport",
        ]
    ),
    tests(
        "Features/IdentityTests",
        [
            "APIKit", "Audit", "Crypto", "HTTPCore", "Identity", "JSON", "Primitives", "Storage",
            "TestSupport",
        ]
    ),
    tests(
        "Features/MacrosTests",
        [
            "APIKit", "Audit", "HTTPCore", "JSON", "Macros", "Primitives", "Storage",
            "TestSupport",
        ]
    ),
    tests(
        "Features/PacksTests",
        [
            "APIKit", "Archive", "Audit", "Crypto", "HTTPClient", "HTTPCore", "JSON", "Packs",
            "Primitives", "Storage", "TestSupport", "YAML",
        ]
    ),
    tests(
        "Features/ProfilesTests",
        [
            "AgentContract", "APIKit", "Appliances", "Archive", "Audit", "Crypto", "HTTPCore",
            "JSON", "Macros", "Packs", "Primitives", "Profiles", "Storage", "TestSupport",
        ]
    ),
    tests(
        "Programs/AgentTests",
        [
            "AgentContract", "Archive", "Crypto", "easel-agent", "HTTPCore", "JSON", "Primitives",
        ]
    ),
    tests(
        "ContractTests",
        [
            "AgentSync", "APIKit", "Appliances", "Archive", "Crypto", "CSQLite", "easel",
            "EventLoop", "HTTPCore", "HTTPServer", "Identity", "JSON", "Packs", "Primitives",
            "Storage",
            "TestSupport", logging,
        ]
    ),
    tests(
        "SystemTests",
        [
            "Archive", "easel", "easel-agent", "EventLoop", "HTTPClient", "HTTPCore", "JSON",
            "Packs", "Primitives", "Storage", "TestSupport", "TLS",
        ]
    ),
    tests("FuzzingTests", ["Archive", "FuzzChecks"]),
    tests("TidyTests", []),
]

let package = Package(
    name: "easel",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: shims + platformTargets + featureTargets + programs + benchmarks + fuzzing
        + testTargets
)
