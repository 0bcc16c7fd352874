import ContainerRuntime
import Linux

/// A monitor process, held by its pidfd so that its number can't pass to another process.
final class MonitorHandle: Sendable {
    let pid: pid_t
    let pidfd: Int32

    init(pid: pid_t, pidfd: Int32) {
        self.pid = pid
        self.pidfd = pidfd
    }

    /// The monitor of a container that runs already; nil when it has ended or its number belongs to another process now.
    convenience init?(_ state: ContainerState) {
        guard let pidfd = ProcessIdentity.open(state.monitorPid, startTime: state.monitorStartTime) else { return nil }
        self.init(pid: state.monitorPid, pidfd: pidfd.release())
    }

    deinit { close(pidfd) }

    struct Made: Sendable {
        let pid: pid_t
        let monitor: MonitorHandle
    }

    static func made(_ created: Runtime.Created) -> Made {
        Made(pid: created.pid, monitor: MonitorHandle(pid: created.monitorPid, pidfd: created.monitorPidfd))
    }

    /// Collects the process if it is a child of ours, which it is unless this program was restarted meanwhile.
    func reap() { _ = ChildProcess.reap(pid) }
}
