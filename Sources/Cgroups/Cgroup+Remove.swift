import Linux

extension Cgroup {
    /// Removes the group and groups below it. Kills nothing: waits up to a second for processes that are just ending.
    /// - Throws: `.busy` when processes remain. A group that does not exist counts as removed.
    public func remove() throws(CgroupError) {
        try LibCgroup.batch { () throws(CgroupError) in try remove(try CgroupMounts.read()) }
    }

    private func remove(_ mounts: CgroupMounts) throws(CgroupError) {
        for (controller, directory) in directoriesV1(mounts) { try remove(directory, controller: controller) }
        if existsInV2(mounts), let unified = mounts.unified {
            try remove(unified + path, controller: V2Gap.controllers(unified).first { mounts.v1[$0] == nil })
        }
    }

    private func remove(_ directory: String, controller: String?) throws(CgroupError) {
        for child in ControlFile.children(directory) { try removeTree(directory + "/" + child) }
        try retryWhileBusy(directory) {
            guard let controller else { return rmdir(directory) == 0 || errno == ENOENT ? 0 : errno }
            // libcgroup 2.0.2 answers success for a group that it could not remove because it is in use: look again.
            guard let failure = LibCgroup.delete(path, controller) else {
                return ControlFile.exists(directory) ? EBUSY : 0
            }
            return failure.isMissing ? 0 : (failure.errno == 0 ? EIO : failure.errno)
        }
    }

    private func removeTree(_ directory: String) throws(CgroupError) {
        for child in ControlFile.children(directory) { try removeTree(directory + "/" + child) }
        try retryWhileBusy(directory) { rmdir(directory) == 0 || errno == ENOENT ? 0 : errno }
    }

    private func retryWhileBusy(_ directory: String, _ attempt: () -> Int32) throws(CgroupError) {
        var pause = 1_000_000
        var waited = 0
        while true {
            let error = attempt()
            if error == 0 { return }
            guard error == EBUSY else { return try check(error, "remove") }
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
