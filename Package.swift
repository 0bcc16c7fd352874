// swift-tools-version: 6.2
import PackageDescription

/// One set of settings for every Swift target; see docs/adr and CONTRIBUTING.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // The shipped file has a size limit (bench/limits.json); nothing here is bound by arithmetic.
    .unsafeFlags(["-Osize"], .when(configuration: .release)),
]

/// The shipped file is linked by a linker of our own (deploy/static/build-wherry.sh).
let staticLinker: [LinkerSetting] =
    Context.environment["WHERRY_STATIC"] == nil
    ? [] : [.unsafeFlags(["-Xclang-linker", "--ld-path=\(Context.packageDirectory)/deploy/static/ld.py"])]

func capability(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, swiftSettings: settings)
}

func library(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let hummingbirdTLS = product(name: "HummingbirdTLS", package: "hummingbird")
    static let logging = product(name: "Logging", package: "swift-log")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTPTypes = product(name: "NIOHTTPTypes", package: "swift-nio-extras")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let swiftASN1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let x509 = product(name: "X509", package: "swift-certificates")
}

let package = Package(
    name: "wherry",
    products: [.executable(name: "wherry", targets: ["wherry"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // C: what Swift cannot call, and the libraries Debian ships.
        .target(name: "CLinux"),
        library("CSQLite", "sqlite3", "libsqlite3-dev"),
        library("CMosquitto", "libmosquitto", "libmosquitto-dev"),
        library("CCgroup", "libcgroup", "libcgroup-dev"),
        library("CSeccomp", "libseccomp", "libseccomp-dev"),
        library("CArchive", "libarchive", "libarchive-dev"),
        library("CYAML", "yaml-0.1", "libyaml-dev"),
        library("CZlib", "zlib", "zlib1g-dev"),

        // Leaves: know nothing of the product.
        capability("JSON"),
        capability("YAML", ["CYAML", "JSON"]),
        capability("Linux", ["CLinux"]),
        capability("SQLite", ["CSQLite"]),
        capability("OCI", ["JSON"]),
        capability("Identity", [.crypto, .swiftASN1, .x509]),
        capability("Streams", ["CZlib", .crypto, .nioCore]),
        capability("Telemetry", ["JSON", "Linux", .logging]),

        // Containers.
        capability("Cgroups", ["CCgroup", "Linux"]),
        capability("ContainerRuntime", ["CSeccomp", "Cgroups", "JSON", "Linux", "OCI"]),
        capability(
            "Images",
            [
                "CArchive", "JSON", "Linux", "OCI", "SQLite", .asyncHTTPClient, .crypto, .cryptoExtras, .logging,
                .nioCore, .nioHTTP1, .nioPosix, .nioSSL,
            ]),
        capability("ContainerEngine", ["Cgroups", "ContainerRuntime", "JSON", "Linux", "OCI", .logging]),

        // Objects and the controllers over them.
        capability("Resources", ["JSON"]),
        capability("ResourceStore", ["JSON", "Linux", "Resources", "SQLite", .logging]),
        capability("Workloads", ["JSON", "ResourceStore", "Resources", .logging, .serviceLifecycle]),
        capability("Access", ["JSON", "Linux", "ResourceStore", "Resources", .crypto, .logging, .serviceLifecycle]),
        capability(
            "NodeAgent",
            [
                "ContainerEngine", "ContainerRuntime", "Images", "JSON", "Linux", "OCI", "ResourceStore", "Resources",
                .logging, .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .serviceLifecycle,
            ]),

        // The fleet.
        capability("FleetProtocol", ["JSON", .crypto]),
        capability("MQTT", ["CMosquitto", "Linux"]),
        capability(
            "DeviceLink",
            [
                "FleetProtocol", "Identity", "JSON", "Linux", "MQTT", "ResourceStore", "Resources", "SQLite",
                .asyncHTTPClient, .crypto, .logging, .nioCore, .nioPosix, .nioSSL, .serviceLifecycle,
            ]),
        capability(
            "Hub",
            [
                "FleetProtocol", "Identity", "JSON", "Linux", "MQTT", "ResourceStore", "Resources", "SQLite", .crypto,
                .logging, .serviceLifecycle,
            ]),

        capability(
            "Bundles",
            [
                "DeviceLink", "FleetProtocol", "Images", "JSON", "Linux", "OCI", "ResourceStore", "Resources", "SQLite",
                .crypto, .logging, .serviceLifecycle,
            ]),

        // HTTP faces: translate, never decide.
        capability(
            "HTTPServing",
            [
                "CZlib", "JSON", "Linux", .httpTypes, .hummingbird, .hummingbirdCore, .hummingbirdTLS, .logging,
                .nioCore,
                .nioHTTP1, .nioHTTPTypes, .nioPosix, .nioSSL, .serviceLifecycle,
            ]),
        capability(
            "KubernetesAPI",
            [
                "Access", "HTTPServing", "JSON", "Linux", "ResourceStore", "Resources", "Streams", "YAML", .httpTypes,
                .hummingbird, .logging, .nioCore, .serviceLifecycle,
            ]),
        capability(
            "DockerAPI",
            [
                "ContainerEngine", "HTTPServing", "Images", "JSON", "Linux", "OCI", .httpTypes, .hummingbird, .logging,
                .nioCore,
            ]),
        capability(
            "RegistryAPI",
            ["HTTPServing", "Images", "JSON", "OCI", .httpTypes, .hummingbird, .logging, .nioCore]),

        .executableTarget(
            name: "wherry",
            dependencies: [
                "Access", "Bundles", "Cgroups", "ContainerEngine", "ContainerRuntime", "DeviceLink", "DockerAPI",
                "FleetProtocol", "HTTPServing", "Hub",
                "Identity", "Images", "JSON", "KubernetesAPI", "Linux", "NodeAgent", "OCI", "RegistryAPI",
                "ResourceStore", "Resources",
                "SQLite", "Telemetry", "Workloads", "YAML", .argumentParser, .asyncHTTPClient, .crypto, .httpTypes,
                .hummingbird,
                .logging, .nioCore, .nioHTTP1, .nioPosix, .serviceLifecycle,
            ],
            swiftSettings: settings,
            linkerSettings: staticLinker),

        // The runtime's hidden verbs alone: what ContainerRuntimeTests start as monitor.
        .executableTarget(
            name: "runtime-probe", dependencies: ["ContainerRuntime", "Linux"], path: "Tests/RuntimeProbe",
            swiftSettings: settings),

        // Tests of each capability; Tests/EndToEndTests drives the shipped binary and is not a SwiftPM target.
        tests("JSONTests", ["JSON"]),
        tests("YAMLTests", ["JSON", "YAML"]),
        tests("AccessTests", ["Access", "JSON", "Linux", "ResourceStore", "Resources", .logging]),
        tests("LinuxTests", ["Linux"]),
        tests("SQLiteTests", ["SQLite"]),
        tests("StreamsTests", ["CZlib", "Streams", .nioCore]),
        tests("OCITests", ["JSON", "OCI"]),
        tests("IdentityTests", ["Identity"]),
        tests("CgroupsTests", ["Cgroups", "Linux"]),
        tests(
            "ContainerRuntimeTests",
            ["Cgroups", "ContainerEngine", "ContainerRuntime", "JSON", "Linux", "OCI", .logging]),
        tests(
            "ImagesTests",
            ["Images", "JSON", "Linux", "OCI", "CArchive", "SQLite", .nioCore, .nioPosix, .nioHTTP1, .logging, .crypto]),
        tests("ContainerEngineTests", ["ContainerEngine", "ContainerRuntime", "JSON", "Linux", "OCI", .logging]),
        tests("ResourcesTests", ["JSON", "Linux", "Resources", "YAML"]),
        tests("ResourceStoreTests", ["JSON", "ResourceStore", "Resources", "SQLite", "Linux"]),
        tests("WorkloadsTests", ["JSON", "ResourceStore", "Resources", "Workloads", .logging, .serviceLifecycle]),
        tests(
            "NodeAgentTests",
            ["ContainerEngine", "JSON", "Linux", "NodeAgent", "OCI", "ResourceStore", "Resources", .logging]),
        tests("FleetProtocolTests", ["FleetProtocol", "JSON", .crypto]),
        tests("MQTTTests", ["MQTT", "Linux"]),
        tests(
            "DeviceLinkTests",
            [
                "DeviceLink", "FleetProtocol", "Identity", "JSON", "Linux", "MQTT", "ResourceStore", "Resources",
                "SQLite", .crypto, .logging,
            ]),
        tests(
            "BundlesTests",
            [
                "Bundles", "FleetProtocol", "Images", "JSON", "Linux", "OCI", "ResourceStore", "Resources", "SQLite",
                .crypto, .logging,
            ]),
        tests(
            "HubTests",
            [
                "FleetProtocol", "Hub", "Identity", "JSON", "Linux", "MQTT", "ResourceStore", "Resources", "SQLite",
                .crypto, .logging,
            ]),
        tests(
            "KubernetesAPITests",
            [
                "Access", "HTTPServing", "JSON", "KubernetesAPI", "Linux", "ResourceStore", "Resources", "Streams",
                .httpTypes, .hummingbird, .logging, .nioCore, .nioEmbedded, .nioHTTPTypes,
            ]),
        tests(
            "RegistryAPITests",
            ["HTTPServing", "Images", "JSON", "Linux", "OCI", "RegistryAPI", .hummingbird, .logging, .nioCore]),
    ]
)

// `make fuzz` builds the fuzz driver; nobody else pays for it.
if Context.environment["WHERRY_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Bundles", "ContainerRuntime", "FleetProtocol", "Images", "JSON", "Linux", "OCI", "Resources",
                "Streams",
                "YAML", .nioCore,
            ],
            path: "Tests/Fuzz/Sources", swiftSettings: settings))
}
