import Linux
import Resources

/// What the machine is and has, read from the kernel.
enum MachineFacts {
    struct Pressure: Sendable, Hashable {
        var memory: Bool
        var disk: Bool
        var pids: Bool
    }

    static func capacity(dataDirectory: String) -> [String: Quantity] {
        var capacity: [String: Quantity] = ["pods": Quantity(110)]
        capacity["cpu"] = Quantity(Int64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
        if let total = memory()["MemTotal"] { capacity["memory"] = Quantity("\(total)Ki") }
        if let disk = disk(dataDirectory) { capacity["ephemeral-storage"] = Quantity("\(disk.total / 1024)Ki") }
        return capacity
    }

    /// Below these free amounts a machine is under pressure: 5 % of memory, 10 % of disk, 10 % of process numbers.
    static func pressure(dataDirectory: String) -> Pressure {
        let memory = memory()
        let isShort = (memory["MemAvailable"] ?? 1) * 20 < memory["MemTotal"] ?? 1
        let disk = disk(dataDirectory)
        let isFull = disk.map { $0.available * 10 < $0.total } ?? false
        return Pressure(memory: isShort, disk: isFull, pids: processesAreShort())
    }

    static func info(runtimeVersion: String) -> NodeSystemInfo {
        var name = utsname()
        _ = uname(&name)
        let release = withUnsafeBytes(of: &name.release) { text($0) }
        return NodeSystemInfo(
            machineID: line("/etc/machine-id") ?? "", systemUUID: line("/sys/class/dmi/id/product_uuid") ?? "",
            bootID: bootID, kernelVersion: release, osImage: osImage(),
            containerRuntimeVersion: "wherry://\(runtimeVersion)", kubeletVersion: "v1.33.0+wherry",
            kubeProxyVersion: "", operatingSystem: "linux", architecture: architecture)
    }

    static var bootID: String { line("/proc/sys/kernel/random/boot_id") ?? "" }

    /// As Go names it.
    static var architecture: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #elseif arch(arm)
            "arm"
        #else
            "unknown"
        #endif
    }

    /// The address of the default route's interface, found without sending anything; loopback when there is no route.
    static func address() -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return "127.0.0.1" }
        defer { close(descriptor) }
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = UInt16(53).bigEndian
        inet_pton(AF_INET, "192.0.2.1", &target.sin_addr)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard connected == 0 else { return "127.0.0.1" }
        var own = sockaddr_in()
        var length = size
        let named = withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        var buffer = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        guard named == 0, inet_ntop(AF_INET, &own.sin_addr, &buffer, socklen_t(buffer.count)) != nil else {
            return "127.0.0.1"
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// KiB by name.
    private static func memory() -> [String: Int64] {
        guard let bytes = try? Files.read("/proc/meminfo", limit: 64 << 10) else { return [:] }
        var values: [String: Int64] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let number = parts[1].split(separator: " ").first else { continue }
            values[String(parts[0])] = Int64(number)
        }
        return values
    }

    private static func disk(_ path: String) -> (total: Int64, available: Int64)? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let block = Int64(status.f_frsize)
        return (Int64(status.f_blocks) * block, Int64(status.f_bavail) * block)
    }

    private static func processesAreShort() -> Bool {
        guard let limit = line("/proc/sys/kernel/pid_max").flatMap({ Int64($0) }),
            let load = line("/proc/loadavg")?.split(separator: " "), load.count > 3,
            let total = load[3].split(separator: "/").last.flatMap({ Int64($0) })
        else { return false }
        return total * 10 > limit * 9
    }

    private static func osImage() -> String {
        guard let bytes = try? Files.read("/etc/os-release", limit: 64 << 10) else { return "Linux" }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
            return String(line.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" })
        }
        return "Linux"
    }

    private static func line(_ path: String) -> String? {
        guard let bytes = try? Files.read(path, limit: 4096) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
