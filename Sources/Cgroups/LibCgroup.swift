import CCgroup
import Linux
import Synchronization

/// libcgroup, one call at a time: its tables are global, and only whole operations are exposed.
///
/// A batch begins with `cgroup_init`, which clears and fills an 820 KB mount table, and ends by giving that back to the
/// kernel (see `CCgroup/shim.h`): without batches that table was most of a container's start.
enum LibCgroup {
    private struct State {
        var batches = 0
        var isInitialised = false
        /// What our own reading found, for the time of a batch.
        var mounts: CgroupMounts?
    }

    private static let lock = Mutex(State())

    /// Runs several operations on one reading of the mounts.
    static func batch<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        lock.withLock { $0.batches += 1 }
        defer {
            lock.withLock { state in
                state.batches -= 1
                close(&state)
            }
        }
        return try body()
    }

    /// The mounts; within a batch as its first question found them.
    static func mounts() throws(CgroupError) -> CgroupMounts {
        try lock.withLock { state throws(CgroupError) in
            if let mounts = state.mounts { return mounts }
            let mounts = try CgroupMounts.parse(proc: "/proc/self/mounts")
            if state.batches > 0 { state.mounts = mounts }
            return mounts
        }
    }

    private static func open(_ state: inout State) -> Int32 {
        guard !state.isInitialised else { return 0 }
        // Without a logger cgroup_init installs one on standard output, which is not ours to write to.
        cgroup_set_logger({ _, _, _, _ in }, 0, nil)
        wherry_cgroup_populate_mount_table()
        let result = cgroup_init()
        if result == 0 { state.isInitialised = true } else { wherry_cgroup_discard_mount_table() }
        return result
    }

    private static func close(_ state: inout State) {
        guard state.batches == 0 else { return }
        state.mounts = nil
        guard state.isInitialised else { return }
        state.isInitialised = false
        wherry_cgroup_discard_mount_table()
    }

    /// Creates group `path` for `controller` (with its ancestors; on v2 enabling the controller from the root down).
    static func create(_ path: String, _ controller: String) -> Failure? {
        operate(path, controller, []) { cgroup_create_cgroup($0, 1) }
    }

    /// Writes `values` into an existing group, in this order.
    static func modify(_ path: String, _ controller: String, _ values: [ControlValue]) -> Failure? {
        for values in portions(values) {
            if let failure = operate(path, controller, values, { cgroup_modify_cgroup($0) }) { return failure }
        }
        return nil
    }

    /// Moves the process `pid` into the group.
    static func attach(_ pid: pid_t, _ path: String, _ controller: String) -> Failure? {
        operate(path, controller, []) { cgroup_attach_task_pid($0, pid) }
    }

    /// What the library said.
    struct Failure {
        let code: Int32
        let errno: Int32
        let text: String
        var isMissing: Bool { code == Int32(ECGROUPNOTEXIST) || errno == ENOENT }
    }

    private static func operate(
        _ path: String, _ controller: String, _ values: [ControlValue], _ body: (OpaquePointer) -> Int32
    ) -> Failure? {
        lock.withLock { state in
            let initialised = open(&state)
            defer { close(&state) }
            if initialised != 0 { return failure(initialised) }
            guard let group = cgroup_new_cgroup(path) else { return failure(Int32(ECGFAIL)) }
            defer {
                var owned: OpaquePointer? = group
                cgroup_free(&owned)
            }
            guard let part = cgroup_add_controller(group, controller) else {
                return failure(Int32(ECGCONTROLLERCREATEFAILED))
            }
            for value in values {
                let added = cgroup_add_value_string(part, value.file, value.value)
                if added != 0 { return failure(added) }
            }
            let result = body(group)
            return result == 0 ? nil : failure(result)
        }
    }

    /// libcgroup takes one value of less than 4096 bytes for a file, and writes a value of several lines line by line.
    static func portions(_ values: [ControlValue]) -> [[ControlValue]] {
        var portions: [[ControlValue]] = []
        var current: [ControlValue] = []
        for value in values {
            if let last = current.last, last.file == value.file, last.value.utf8.count + value.value.utf8.count < 4000 {
                current[current.count - 1] = ControlValue(file: last.file, value: last.value + "\n" + value.value)
                continue
            }
            if current.contains(where: { $0.file == value.file }) {
                portions.append(current)
                current = []
            }
            current.append(value)
        }
        return current.isEmpty ? portions : portions + [current]
    }

    private static func failure(_ code: Int32) -> Failure {
        let number = code == Int32(ECGOTHER) ? cgroup_get_last_errno() : 0
        let text = cgroup_strerror(code).map { String(cString: $0) } ?? "error \(code)"
        return Failure(code: code, errno: number, text: text)
    }
}
