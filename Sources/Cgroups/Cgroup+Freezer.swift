import Linux

extension Cgroup {
    /// Stops every process of the group, and of those below it, until `thaw`. Returns once they stand still.
    /// - Throws: `.timedOut` when they do not within ten seconds, as a process that waits for a dead disk; the group is
    ///   thawed then. `.controllerMissing` on v1 without freezer.
    public func freeze() throws(CgroupError) {
        try Freezer(self, try CgroupMounts.read()).freeze(milliseconds: 10_000)
    }

    public func thaw() throws(CgroupError) { try Freezer(self, try CgroupMounts.read()).thaw() }

    /// Whether `freeze` holds the group still. One that only stands still for a group above it is not frozen itself.
    public func isFrozen() throws(CgroupError) -> Bool { try Freezer(self, try CgroupMounts.read()).isFrozen }
}

/// The freezer of one group: v1's controller, or v2's `cgroup.freeze`.
struct Freezer {
    private let group: Cgroup
    private let directory: String
    private let isV2: Bool

    init(_ group: Cgroup, _ mounts: CgroupMounts) throws(CgroupError) {
        self.group = group
        isV2 = mounts.v1["freezer"] == nil && mounts.layout == .v2
        if isV2 {
            directory = try group.v2Directory(mounts)
            guard ControlFile.exists(directory + "/cgroup.freeze") else {
                throw CgroupError(
                    .controllerMissing,
                    "cannot freeze cgroup \(group.path): this kernel has no cgroup.freeze; Linux 5.2 and later do")
            }
        } else {
            guard let mount = mounts.v1["freezer"] else {
                throw CgroupError(
                    .controllerMissing, "cannot freeze cgroup \(group.path): this system offers no freezer controller")
            }
            directory = mount + group.path
            guard ControlFile.exists(directory) else {
                throw CgroupError(.notFound, "cgroup \(group.path) does not exist", errno: ENOENT)
            }
        }
    }

    var isFrozen: Bool {
        if isV2 { return ControlFile.read(directory + "/cgroup.freeze") == "1" && V2Gap.isFrozen(directory) }
        return ControlFile.read(directory + "/freezer.state") == "FROZEN"
            && ControlFile.read(directory + "/freezer.self_freezing") != "0"
    }

    func thaw() throws(CgroupError) {
        try write(false)
        guard !isV2 else { return }
        // On v1 the write is all, unless a group above is frozen.
        _ = wait(milliseconds: 100) { ControlFile.read(directory + "/freezer.state") == "THAWED" }
    }

    func freeze(milliseconds: Int) throws(CgroupError) {
        do throws(CgroupError) {
            try write(true)
            let stands =
                isV2
                ? V2Gap.awaitFrozen(directory, milliseconds: milliseconds) : awaitFrozenV1(milliseconds: milliseconds)
            guard stands else {
                throw CgroupError(
                    .timedOut,
                    "cannot freeze cgroup \(group.path): its processes did not come to a stop in \(milliseconds) ms; "
                        + "it runs on"
                )
            }
        } catch {
            try? write(false)
            throw error
        }
    }

    private func write(_ frozen: Bool) throws(CgroupError) {
        let action = frozen ? "freeze" : "thaw"
        if isV2 { return try group.check(V2Gap.setFrozen(frozen, directory), action) }
        let value = ControlValue(file: "freezer.state", value: frozen ? "FROZEN" : "THAWED")
        try group.check(LibCgroup.modify(group.path, "freezer", [value]), action, "freezer")
    }

    /// v1 does not catch processes that appear while it freezes: asking again does (kernel document freezer-subsystem).
    private func awaitFrozenV1(milliseconds: Int) -> Bool {
        var round = 0
        return wait(milliseconds: milliseconds) {
            if ControlFile.read(directory + "/freezer.state") == "FROZEN" { return true }
            round += 1
            if round % 10 == 0 { try? write(true) }
            return false
        }
    }

    private func wait(milliseconds: Int, for condition: () -> Bool) -> Bool {
        var waited = 0
        while !condition() {
            guard waited < milliseconds else { return false }
            pauseFor(nanoseconds: 1_000_000)
            waited += 1
        }
        return true
    }
}
