/// A process by number, guarded against the number's reuse by its start time.
public enum ProcessIdentity {
    /// The process's start time in clock ticks since boot (field 22 of /proc/PID/stat), nil when there is no such process
    /// or it is a zombie.
    public static func startTime(of pid: pid_t) -> UInt64? {
        guard pid > 0, let bytes = try? Files.read("/proc/\(pid)/stat", limit: 8 << 10),
            let close = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields.first?.first, state != UInt8(ascii: "Z"), state != UInt8(ascii: "X")
        else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    /// A pidfd of the process when it still is the one that started at `startTime`.
    public static func open(_ pid: pid_t, startTime: UInt64?) -> FileDescriptor? {
        guard pid > 0 else { return nil }
        let descriptor = wherry_pidfd_open(pid, 0)
        guard descriptor >= 0 else { return nil }
        let pidfd = FileDescriptor(adopting: descriptor)
        // The pidfd is held, so the number cannot pass to another process between the check and the use.
        if let startTime, Self.startTime(of: pid) != startTime { return nil }
        return pidfd
    }

    /// Sends a signal through a pidfd.
    public static func signal(pidfd: Int32, _ signal: Int32) throws(SystemError) {
        try systemCall("pidfd_send_signal") { wherry_pidfd_send_signal(pidfd, signal) }
    }

    /// Whether the process has ended; a child that was not collected yet has. It needs no descriptor, unlike a look at /proc.
    public static func hasEnded(pidfd: Int32) -> Bool {
        var watched = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) == 1
    }
}
