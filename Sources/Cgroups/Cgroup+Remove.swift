import Linux

extension Cgroup {
    /// Removes the group and groups below it. Kills nothing: waits up to a second for processes that are just ending.
    ///
    /// By rmdir(2) and not through libcgroup 2.0.2, which answers success for a group that it could not remove because it is
    /// in use.
    /// - Throws: `.busy` when processes remain. A group that does not exist counts as removed.
    public func remove() throws(CgroupError) {
        for directory in try CgroupMounts.read().directories(of: self) { try remove(directory) }
    }

    private func remove(_ directory: String) throws(CgroupError) {
        var pause = 1_000_000
        var waited = 0
        while true {
            if rmdir(directory) == 0 || errno == ENOENT { return }
            guard errno == EBUSY else { return try check(errno, "remove") }
            for child in ControlFile.children(directory) { try remove(directory + "/" + child) }
            if rmdir(directory) == 0 || errno == ENOENT { return }
            guard waited < 1_000_000_000 else {
                throw CgroupError(
                    .busy, "cannot remove cgroup \(path): processes are still in \(directory); kill them first",
                    errno: EBUSY)
            }
            pauseFor(nanoseconds: pause)
            waited += pause
            pause = min(pause * 2, 64_000_000)
        }
    }
}
