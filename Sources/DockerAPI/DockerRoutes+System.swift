internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
public import JSON
internal import Linux
internal import NIOCore
internal import OCI

extension DockerRoutes {
    /// Every `docker` command begins with this; clients read the headers.
    func pong(body: Bool) -> Response {
        var headers: HTTPFields = [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-cache, no-store"]
        for (name, value) in Self.pingHeaders { headers[name] = value }
        headers[.server] = "Wherry/\(version) (linux)"
        return Response(
            status: .ok, headers: headers,
            body: body ? ResponseBody(byteBuffer: ByteBuffer(string: "OK")) : ResponseBody())
    }

    private static let pingHeaders: [(HTTPField.Name, String)] = [
        ("Api-Version", apiVersion), ("Docker-Experimental", "false"), ("OSType", "linux"), ("Builder-Version", "1"),
        ("Swarm", "inactive"),
    ].compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }

    /// What `docker version` shows of the server; the Kubernetes face may add it to its own answer to `/version`.
    public var versionDocument: JSONValue {
        let kernel = SystemFacts.kernel
        return [
            "Platform": ["Name": "Wherry"], "Version": .string(version), "ApiVersion": .string(Self.apiVersion),
            "MinAPIVersion": .string(Self.minimumAPIVersion), "GitCommit": "", "GoVersion": "", "Os": "linux",
            "Arch": .string(Platform.current.architecture), "KernelVersion": .string(kernel.release), "BuildTime": "",
            "Components": [
                [
                    "Name": "Wherry", "Version": .string(version),
                    "Details": [
                        "ApiVersion": .string(Self.apiVersion), "MinAPIVersion": .string(Self.minimumAPIVersion),
                        "Os": "linux", "Arch": .string(Platform.current.architecture),
                        "KernelVersion": .string(kernel.release),
                    ],
                ]
            ],
        ]
    }

    func info() async throws -> Response {
        let kernel = SystemFacts.kernel
        let count = try await images.list().count
        return .json([
            "ID": .string(kernel.host), "Name": .string(kernel.host), "ServerVersion": .string(version),
            "Containers": 0, "ContainersRunning": 0, "ContainersPaused": 0, "ContainersStopped": 0,
            "Images": .integer(Int64(count)), "Driver": "overlay2", "DockerRootDir": .string(dataDirectory),
            "OSType": "linux", "OperatingSystem": "Wherry", "Architecture": .string(kernel.machine),
            "KernelVersion": .string(kernel.release), "NCPU": .integer(SystemFacts.processors),
            "MemTotal": .integer(SystemFacts.memoryBytes), "LoggingDriver": "json-file", "CgroupDriver": "cgroupfs",
            "IndexServerAddress": "https://index.docker.io/v1/", "Swarm": ["LocalNodeState": "inactive"],
            "Plugins": ["Volume": [], "Network": [], "Authorization": .null, "Log": []], "Warnings": .null,
            "Runtimes": ["wherry": ["path": "wherry"]], "DefaultRuntime": "wherry", "SecurityOptions": ["name=seccomp"],
        ])
    }
}

/// Facts of this machine for display.
enum SystemFacts {
    static var kernel: (release: String, machine: String, host: String) {
        var names = utsname()
        guard uname(&names) == 0 else { return ("", "", "") }
        return (text(names.release), text(names.machine), text(names.nodename))
    }

    static var processors: Int64 { Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
    static var memoryBytes: Int64 { Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE))) }

    private static func text<Field>(_ field: Field) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
