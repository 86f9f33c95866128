// swift-tools-version: 6.2
import PackageDescription

let base: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]
/// Everything but the wrappers around C: unsafe code outside them fails the build.
let pure: [SwiftSetting] = base + [.strictMemorySafety()]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let framework: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbird: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1: Target.Dependency = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "custode",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "custode", targets: ["custode"]),
        .executable(name: "saas-api", targets: ["saas-api"]),
        .library(name: "CustodeAPI", targets: ["CustodeAPI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.8.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
    ],
    targets: [
        .executableTarget(
            name: "custode",
            dependencies: [
                "CustodeHTTP", "CustodeCore", "BlobStores", "PostgresCatalog", "Identity", "PostgresClient",
                "CLinux", "ContentSniffer", "Cryptography", "HTTPFetch", "KeySets", "Telemetry", argumentParser,
                hummingbird,
                lifecycle,
                logging, nioCore, nioPosix, tracing, unixSignals, yams,
            ],
            swiftSettings: pure),
        .executableTarget(
            name: "saas-api",
            dependencies: [
                "CustodeAPI", "CustodeCore", "CustodeHTTP", "Cryptography", "HTTPFetch", "Identity", "KeySets",
                "PostgresClient", "Telemetry", argumentParser, framework, hummingbird, httpTypes, lifecycle, logging,
                nioCore,
                unixSignals,
            ],
            resources: [
                .embedInCode("Page/api.js"),
                .embedInCode("Page/flow.js"),
                .embedInCode("Page/index.html"),
                .embedInCode("Page/main.js"),
                .embedInCode("Page/problem.js"),
                .embedInCode("Page/screen-job.js"),
                .embedInCode("Page/screen-jobs.js"),
                .embedInCode("Page/screen-new.js"),
                .embedInCode("Page/session.js"),
                .embedInCode("Page/style.css"),
                .embedInCode("Page/upload.js"),
                .embedInCode("Page/view.js"),
            ],
            swiftSettings: pure),
        .executableTarget(name: "custode-bench", dependencies: ["CLibPQ"], swiftSettings: base),
        .target(
            name: "CustodeHTTP",
            dependencies: [
                "CustodeCore", hummingbird, httpTypes, lifecycle, logging, nioCore, nioHTTP1, nioPosix,
                nioHTTPTypes, nioHTTPTypesHTTP1, tracing,
            ],
            resources: [.embedInCode("Resources/openapi.json")],
            swiftSettings: pure),
        .target(name: "CustodeAPI", dependencies: ["HTTPFetch", nioCore], swiftSettings: pure),
        .target(name: "CustodeCore", dependencies: [nioCore], swiftSettings: pure),
        .target(
            name: "BlobStores",
            dependencies: [
                "CustodeCore", "Cryptography", "HTTPFetch", "CLibExpat", "CLinux", nioCore, nioPosix, tracing,
            ],
            swiftSettings: base),
        .target(
            name: "PostgresCatalog", dependencies: ["CustodeCore", "PostgresClient", tracing], swiftSettings: pure),
        .target(name: "Identity", dependencies: ["CustodeCore", "Cryptography", jwtKit], swiftSettings: pure),
        .target(
            name: "KeySets", dependencies: ["CustodeCore", "HTTPFetch", "Identity", lifecycle, logging, nioCore],
            swiftSettings: pure),
        .target(name: "PostgresClient", dependencies: ["CLibPQ", "Threads", collections], swiftSettings: base),
        .target(name: "HTTPFetch", dependencies: ["CLibCurl", "CLinux", "Threads", nioCore], swiftSettings: base),
        .target(name: "ContentSniffer", dependencies: ["CLibMagic"], swiftSettings: base),
        .target(name: "Cryptography", dependencies: ["CLibCrypto"], swiftSettings: base),
        .target(name: "Telemetry", dependencies: [logging, tracing], swiftSettings: pure),
        .target(
            name: "CustodeTesting", dependencies: ["Cryptography", nioCore, nioHTTP1, nioPosix],
            swiftSettings: base),
        .target(name: "Threads", swiftSettings: base),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
        .systemLibrary(name: "CLibMagic", providers: [.apt(["libmagic-dev"])]),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .testTarget(
            name: "BlobStoresTests",
            dependencies: [
                "BlobStores", "Cryptography", "CustodeCore", "CustodeTesting", "HTTPFetch", nioCore, nioPosix,
            ],
            swiftSettings: base),
        .testTarget(name: "CollectionTests", dependencies: ["CustodeTesting"], swiftSettings: base),
        .testTarget(name: "ContentSnifferTests", dependencies: ["ContentSniffer", "CustodeCore"], swiftSettings: base),
        .testTarget(name: "CryptographyTests", dependencies: ["Cryptography"], swiftSettings: base),
        .testTarget(
            name: "CustodeAPITests", dependencies: ["CustodeAPI", "CustodeTesting", "HTTPFetch", nioCore],
            swiftSettings: base),
        .testTarget(
            name: "CustodeCoreTests", dependencies: ["CustodeCore", "CustodeTesting", nioCore], swiftSettings: base),
        .testTarget(
            name: "CustodeHTTPTests",
            dependencies: [
                "CustodeCore", "CustodeHTTP", httpTypes, nioCore, nioHTTP1,
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: base),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "BlobStores", "CustodeCore", "CustodeHTTP", "CustodeTesting", "HTTPFetch", "Identity", httpTypes,
                nioCore,
                nioPosix,
            ],
            swiftSettings: base),
        .testTarget(
            name: "HTTPFetchTests", dependencies: ["CustodeTesting", "HTTPFetch", nioCore], swiftSettings: base),
        .testTarget(
            name: "IdentityTests", dependencies: ["CustodeCore", "CustodeTesting", "Identity"], swiftSettings: base),
        .testTarget(
            name: "IntegrationTests", dependencies: ["CustodeTesting", yams], exclude: ["Clients"], swiftSettings: base),
        .testTarget(name: "MigrationTests", dependencies: ["CustodeTesting"], swiftSettings: base),
        .testTarget(name: "PackageTests", dependencies: ["CustodeTesting"], swiftSettings: base),
        .testTarget(
            name: "PostgresCatalogTests",
            dependencies: ["CustodeCore", "CustodeTesting", "PostgresCatalog", "PostgresClient"],
            swiftSettings: base),
        .testTarget(
            name: "PostgresClientTests", dependencies: ["CustodeTesting", "PostgresClient"], swiftSettings: base),
        .testTarget(
            name: "ResumableTests", dependencies: ["CustodeTesting"], exclude: ["Clients"], swiftSettings: base),
        .testTarget(
            name: "SaaSTests", dependencies: ["Cryptography", "CustodeTesting"], exclude: ["Clients"],
            swiftSettings: base),
        .testTarget(name: "S3Tests", dependencies: ["CustodeTesting"], swiftSettings: base),
        .testTarget(
            name: "SupabaseTests", dependencies: ["CustodeTesting"], exclude: ["Clients"], swiftSettings: base),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", logging], swiftSettings: base),
    ]
)
