// swift-tools-version: 6.2
import PackageDescription

// Who may depend on whom. Arrows point down only: Programs → Features → Platform → Shims.
// A target is a folder; `Sources/<layer>/<name>` holds its code, `Tests/<layer>/<name>Tests` its tests.

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
        exclude: [],
        swiftSettings: strict + [.strictMemorySafety()]
    )
}

func tests(_ layer: String, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.byName(name: name)] + dependencies,
        path: "Tests/\(layer)/\(name)Tests",
        swiftSettings: strict
    )
}

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
    platform("Archive", ["CZlib"]),
    platform("Crypto", ["COpenSSL", "Primitives"]),
    platform("EventLoop", ["CSystem", "Primitives"]),
    platform("TLS", ["COpenSSL", "Crypto", "Primitives"]),
    platform("HTTPCore", ["Primitives"]),
    platform("HTTPServer", ["CSystem", "EventLoop", "HTTPCore", "Primitives", "TLS"]),
    platform("HTTPClient", ["CSystem", "EventLoop", "HTTPCore", "Primitives", "TLS"]),
    platform("Storage", ["CSQLite", "CSystem", "CAssets", "Primitives"]),
    platform("Telemetry", ["Primitives", "JSON", .product(name: "Logging", package: "swift-log")]),
    platform(
        "APIKit",
        ["Crypto", "EventLoop", "HTTPCore", "JSON", "Primitives", "Storage", "Telemetry"]
    ),
]

let featureTargets: [Target] = [
    feature("Identity", ["APIKit", "Crypto", "HTTPCore", "JSON", "Primitives", "Storage"]),
    feature("Audit", ["APIKit", "Identity", "JSON", "Primitives", "Storage"]),
]

let testTargets: [Target] = [
    tests("Platform", "Archive"),
    tests("Platform", "JSON", ["Primitives"]),
    tests("Platform", "YAML", ["Archive", "JSON"]),
    tests("Platform", "Primitives"),
]

let package = Package(
    name: "easel",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: shims + platformTargets + testTargets
)
