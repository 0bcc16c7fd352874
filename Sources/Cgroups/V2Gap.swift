import CCgroup
import Linux

/// What libcgroup 2.0.2 lacks on cgroup v2, written straight to the interface files of the kernel document cgroup-v2:
///
/// - a hierarchy without any controller (its mount table then has no entry for it): making, entering and removing a
///   group;
/// - enabling a controller in the root's `cgroup.subtree_control`: it begins one level below and relies on systemd
///   there;
/// - `cgroup.kill` (5.14) and `cgroup.freeze`, which replace the freezer controller;
/// - files of no controller, such as `cgroup.max.descendants` of the specification's `unified` map, and pressure files;
/// - reading anything: the library's readers know v1's names, one value a file, and 4 KB;
/// - devices, which v2 decides by an eBPF program instead of `devices.allow` (`DeviceFilter`).
///
/// Limits (`memory.max`, `cpu.max`, …) do go through libcgroup, by name.
enum V2Gap {
    /// Makes the group directory and its missing ancestors.
    static func makeDirectory(_ mount: String, _ path: String) -> Int32 {
        var current = mount
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            current += "/" + String(Substring(part))
            if mkdir(current, 0o755) != 0, errno != EEXIST { return errno }
        }
        return 0
    }

    /// Offers a controller to the groups below the root. A refusal shows when the group's own files are missing.
    static func enableAtRoot(_ controller: String, _ mount: String) {
        guard !enabledForChildren(mount).contains(controller) else { return }
        _ = ControlFile.write("+" + controller, to: mount + "/cgroup.subtree_control")
    }

    static func attach(_ pid: pid_t, _ directory: String) -> Int32 {
        ControlFile.write(String(pid), to: directory + "/cgroup.procs")
    }

    /// Writes each line on its own, as libcgroup does. Returns 0 or the error number.
    static func writeLines(_ text: String, to file: String) -> Int32 {
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let error = ControlFile.write(String(Substring(line)), to: file)
            if error != 0 { return error }
        }
        return 0
    }

    static func controllers(_ directory: String) -> [String] {
        list(directory + "/cgroup.controllers")
    }

    static func enabledForChildren(_ directory: String) -> [String] {
        list(directory + "/cgroup.subtree_control")
    }

    private static func list(_ file: String) -> [String] {
        guard let text = ControlFile.read(file) else { return [] }
        return text.utf8.split(separator: UInt8(ascii: " ")).map { String(Substring($0)) }
    }

    /// The path of the group that a process is in, as this process's cgroup namespace shows it.
    static func path(of pid: pid_t) -> String? {
        guard let text = ControlFile.read("/proc/\(pid)/cgroup") else { return nil }
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) where line.starts(with: "0::".utf8) {
            return String(Substring(line.dropFirst(3)))
        }
        return nil
    }

    /// Sends SIGKILL to the whole subtree at once. False where the kernel is older than 5.14.
    static func kill(_ directory: String) -> Bool { ControlFile.write("1", to: directory + "/cgroup.kill") == 0 }

    static func setFrozen(_ frozen: Bool, _ directory: String) -> Int32 {
        ControlFile.write(frozen ? "1" : "0", to: directory + "/cgroup.freeze")
    }

    static func isFrozen(_ directory: String) -> Bool {
        ControlFile.number(directory + "/cgroup.events", key: "frozen") == 1
    }

    /// Waits until `cgroup.events` says that the group stands still; false when it does not in time.
    static func awaitFrozen(_ directory: String, milliseconds: Int) -> Bool {
        let events = open(directory + "/cgroup.events", O_RDONLY | O_CLOEXEC)
        guard events >= 0 else { return false }
        defer { close(events) }
        let deadline = now() + milliseconds
        while true {
            // A change after this reading makes poll return at once.
            var byte: UInt8 = 0
            _ = pread(events, &byte, 1, 0)
            if isFrozen(directory) { return true }
            let rest = deadline - now()
            guard rest > 0 else { return false }
            var entry = pollfd(fd: events, events: Int16(POLLPRI), revents: 0)
            // Bounded, should the kernel not tell: it does so for the file, not for the state.
            _ = poll(&entry, 1, Int32(min(rest, 50)))
        }
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
