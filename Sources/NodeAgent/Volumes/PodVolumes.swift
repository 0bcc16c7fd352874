import Linux
import Resources

/// A volume that can't be made; the message names it in the kubelet's words.
struct VolumeError: Error, CustomStringConvertible {
    var volume: String
    var message: String

    var description: String { "MountVolume.SetUp failed for volume \"\(volume)\" : \(message)" }
}

/// Makes and removes the volumes of pods. Blocking: runs on a thread of its own.
///
/// What must survive a reboot (emptyDir on disk) is below the data directory; everything else is made anew below the run
/// directory, and Secrets never reach a disk.
struct PodVolumes: Sendable {
    let dataDirectory: String
    let runDirectory: String

    private static let tmpfsMagic: Int64 = 0x0102_1994

    func runPath(_ uid: String) -> String { runDirectory + "/pods/" + uid }
    func dataPath(_ uid: String) -> String { dataDirectory + "/pods/" + uid }

    /// Makes every volume of the pod, or finds it; the first that cannot be had ends it.
    func prepare(_ pod: Pod, content: VolumePayload.Content) throws -> [String: PreparedVolume] {
        var prepared: [String: PreparedVolume] = [:]
        for volume in pod.spec.volumes ?? [] {
            do {
                prepared[volume.name] = try prepare(volume, pod, content)
            } catch {
                throw VolumeError(volume: volume.name, message: "\(error)")
            }
        }
        return prepared
    }

    /// Brings the volumes that are made from objects up to date while the containers run, each by itself: what can be written is.
    /// The others are the containers' own by now.
    /// - Returns: why volumes stay as they were.
    func refresh(_ pod: Pod, content: VolumePayload.Content) -> [VolumeError] {
        var failures: [VolumeError] = []
        for volume in pod.spec.volumes ?? [] {
            do { _ = try prepareFiles(volume, pod, content) } catch {
                failures.append(VolumeError(volume: volume.name, message: "\(error)"))
            }
        }
        return failures
    }

    private func group(_ pod: Pod) -> UInt32? { pod.spec.securityContext?.fsGroup.flatMap { UInt32(exactly: $0) } }

    /// Nil for a volume that is not made from objects.
    private func prepareFiles(
        _ volume: Volume, _ pod: Pod, _ content: VolumePayload.Content
    ) throws -> PreparedVolume? {
        guard let files = try VolumePayload.files(of: volume, pod: pod, content: content) else { return nil }
        let path = runPath(pod.metadata.uid ?? "") + "/volumes/" + volume.name
        let isSecret = volume.secret != nil || volume.projected != nil
        if isSecret, try !isMemory(runDirectory) { try mountMemory(at: path, size: nil, mode: 0o755) }
        try AtomicDirectory(path: path, group: group(pod)).write(files)
        return PreparedVolume(path: path, isReadOnly: true)
    }

    private func prepare(_ volume: Volume, _ pod: Pod, _ content: VolumePayload.Content) throws -> PreparedVolume {
        if let files = try prepareFiles(volume, pod, content) { return files }
        let uid = pod.metadata.uid ?? ""
        let group = group(pod)
        if let emptyDir = volume.emptyDir {
            let size = emptyDir.sizeLimit.map { $0.bytes }
            let inMemory = emptyDir.medium == "Memory"
            let path = (inMemory ? runPath(uid) : dataPath(uid)) + "/volumes/" + volume.name
            if inMemory {
                try mountMemory(at: path, size: size, mode: group == nil ? 0o777 : 0o2777, group: group)
            } else {
                try makeWritable(path, group: group)
            }
            return PreparedVolume(path: path)
        }
        if let hostPath = volume.hostPath { return PreparedVolume(path: try HostPathVolume.prepare(hostPath)) }
        throw ConfigurationError(
            message:
                "this kind of volume isn't supported; use emptyDir, configMap, secret, downwardAPI, projected or hostPath"
        )
    }

    /// Makes a directory that any user may write to. One that is there is its containers' own, with the mode and the owner that they
    /// gave it.
    private func makeWritable(_ path: String, group: UInt32?) throws(SystemError) {
        if Files.isDirectory(path) { return }
        // Under another name until it is complete: no volume's name has dots.
        let unfinished = path + "..new"
        try Files.makeDirectories(unfinished)
        if let group { try systemCall("chown", on: path) { chown(unfinished, 0, group) } }
        // The umask takes bits away from mkdir's mode.
        try systemCall("chmod", on: path) { chmod(unfinished, group == nil ? 0o777 : 0o2777) }
        try systemCall("rename", on: path) { rename(unfinished, path) }
    }

    private func isMemory(_ path: String) throws(SystemError) -> Bool {
        let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        return wherry_filesystem_type(directory.rawValue) == Self.tmpfsMagic
    }

    /// Mounts a tmpfs once: a second call finds it, after a restart of the agent, too.
    private func mountMemory(
        at path: String, size: Int64?, mode: UInt32, group: UInt32? = nil
    ) throws(SystemError) {
        try Files.makeDirectories(path)
        if Files.isMountPoint(path) { return }
        var options = "mode=0" + String(mode, radix: 8)
        if let size { options += ",size=\(size)" }
        if let group { options += ",gid=\(group)" }
        let flags = UInt(MS_NOSUID | MS_NODEV)
        try systemCall("mount tmpfs", on: path) { mount("tmpfs", path, "tmpfs", flags, options) }
    }

    private func manifestPath(_ uid: String) -> String { runPath(uid) + "/pod.json" }

    /// Keeps the pod as it was stored, as long as its containers can run: not beyond a reboot.
    func keep(manifest: [UInt8], of uid: String) throws(SystemError) {
        let path = manifestPath(uid)
        if (try? Files.read(path)) == manifest { return }
        try Files.makeDirectories(runPath(uid))
        try Files.writeAtomically(manifest, to: path, durable: false)
    }

    func manifest(of uid: String) -> [UInt8]? { try? Files.read(manifestPath(uid)) }

    private func activeMarkPath(_ uid: String) -> String { runPath(uid) + "/active-since" }

    /// Keeps when the pod became active for agents of this boot.
    func keep(activeSince mark: ActiveTime.Mark, of uid: String) throws(SystemError) {
        try Files.makeDirectories(runPath(uid))
        try Files.writeAtomically(Array(mark.text.utf8), to: activeMarkPath(uid), durable: false)
    }

    func activeMark(of uid: String) -> ActiveTime.Mark? {
        (try? Files.read(activeMarkPath(uid), limit: 256)).flatMap { .init(String(decoding: $0, as: UTF8.self)) }
    }

    /// Unmounts and removes what a pod had; with `data`, also what survives reboots.
    func remove(_ uid: String, data: Bool) throws(SystemError) {
        try unmountMemory(uid)
        try Files.removeTree(runPath(uid))
        if data { try Files.removeTree(dataPath(uid)) }
    }

    /// A pod that has ended keeps its disk, but no memory.
    func unmountMemory(_ uid: String) throws(SystemError) {
        let volumes = runPath(uid) + "/volumes"
        guard Files.isDirectory(volumes) else { return }
        for name in try Files.listDirectory(volumes) where Files.isMountPoint(volumes + "/" + name) {
            let path = volumes + "/" + name
            let result = umount2(path, Int32(MNT_DETACH))
            if result != 0, Errno.last != .invalid, Errno.last != .noEntry {
                throw SystemError(call: "umount2", errno: .last, subject: path)
            }
        }
    }

    /// The uids of all pods that have something here.
    func known() throws(SystemError) -> Set<String> {
        var found: Set<String> = []
        for directory in [runDirectory + "/pods", dataDirectory + "/pods"] where Files.isDirectory(directory) {
            found.formUnion(try Files.listDirectory(directory))
        }
        return found
    }
}

/// The checks of `hostPath` types.
enum HostPathVolume {
    static func prepare(_ source: HostPathVolumeSource) throws(ConfigurationError) -> String {
        let path = source.path
        guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw ConfigurationError(message: "hostPath \"\(path)\" must be an absolute path without \"..\"")
        }
        let type = source.type ?? ""
        var status = stat()
        let exists = stat(path, &status) == 0
        let kind = exists ? status.st_mode & S_IFMT : 0
        do {
            switch type {
            case "DirectoryOrCreate":
                if !exists {
                    try Files.makeDirectories(path)
                } else {
                    try require(kind == S_IFDIR, path, "a directory")
                }
            case "FileOrCreate":
                if exists { try require(kind == S_IFREG, path, "a file") } else { try makeFile(path) }
            case "Directory": try require(kind == S_IFDIR, path, "a directory")
            case "File": try require(kind == S_IFREG, path, "a file")
            case "Socket": try require(kind == S_IFSOCK, path, "a socket")
            case "CharDevice": try require(kind == S_IFCHR, path, "a character device")
            case "BlockDevice": try require(kind == S_IFBLK, path, "a block device")
            // Without a type nothing is checked; what isn't there is made, as Docker does.
            case "": if !exists { try Files.makeDirectories(path) }
            default: throw ConfigurationError(message: "hostPath type \"\(type)\" isn't known")
            }
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(message: "hostPath \(path) can't be made: \(error)")
        }
        return path
    }

    private static func require(_ holds: Bool, _ path: String, _ what: String) throws {
        if !holds { throw ConfigurationError(message: "hostPath type check failed: \(path) is not \(what)") }
    }

    private static func makeFile(_ path: String) throws {
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try Files.makeDirectories(String(path[..<slash]))
        }
        _ = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode: 0o644)
    }
}
