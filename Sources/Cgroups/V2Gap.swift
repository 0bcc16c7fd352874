import CCgroup
import Linux

/// What libcgroup 2.0.2 lacks on cgroup v2, written straight to the interface files of the kernel document cgroup-v2:
///
/// - a hierarchy without any controller (its mount table then has no entry for it): making, entering and removing a group;
/// - enabling a controller in the root's `cgroup.subtree_control`: it begins one level below and relies on systemd there;
/// - `cgroup.kill` (5.14) and `cgroup.freeze`, which replace the freezer controller;
/// - reading `memory.events`, `memory.peak` and `cpu.stat`: the library's readers know v1's names only;
/// - devices, which v2 decides by an eBPF program instead of `devices.allow`.
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

    /// Sends SIGKILL to the whole subtree at once. False where the kernel is older than 5.14.
    static func kill(_ directory: String) -> Bool { ControlFile.write("1", to: directory + "/cgroup.kill") == 0 }

    static func setFrozen(_ frozen: Bool, _ directory: String) -> Int32 {
        ControlFile.write(frozen ? "1" : "0", to: directory + "/cgroup.freeze")
    }

    static func isFrozen(_ directory: String) -> Bool {
        ControlFile.number(directory + "/cgroup.events", key: "frozen") == 1
    }
}
