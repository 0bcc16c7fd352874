import Linux

/// Limits on their way into the control files of one group, whichever hierarchies those are in.
struct CgroupSetting {
    private let group: Cgroup
    private let limits: CgroupLimits
    private let mounts: CgroupMounts
    /// Controllers of cgroup2; empty without one.
    private let offeredV2: [String]

    init(_ group: Cgroup, _ limits: CgroupLimits, _ mounts: CgroupMounts) {
        self.group = group
        self.limits = limits
        self.mounts = mounts
        offeredV2 = mounts.offeredV2
    }

    /// Finds what cannot work before anything is changed: limits of controllers that this system lacks.
    func check() throws(CgroupError) {
        for controller in CgroupLimits.controllersV1 where mounts.v1[controller] == nil {
            try checkMissing(controller)
        }
        if mounts.v1["memory"] == nil, let value = limits.valuesWithoutV2.first(where: { $0.file.hasPrefix("memory.") })
        {
            throw missing("memory", [value], " in cgroup v1")
        }
        if mounts.v1["cpu"] == nil, let value = limits.valuesWithoutV2.first(where: { $0.file.hasPrefix("cpu.") }) {
            throw missing("cpu", [value], " in cgroup v1")
        }
        if mounts.v1["blkio"] == nil, let value = limits.valuesWithoutV2.first(where: { $0.file.hasPrefix("blkio.") }) {
            throw missing("blkio", [value], " in cgroup v1")
        }
        for name in limits.unified.keys.sorted() { try checkUnified(name) }
    }

    /// `controller` is not offered by v1: v2 must have it when there is a limit.
    private func checkMissing(_ controller: String) throws(CgroupError) {
        if controller == "devices" {
            guard limits.devices != nil, !limits.devicesAreOptional, mounts.unified == nil else { return }
            throw missing(controller, try limits.valuesV1(controller))
        }
        let name = Self.nameInV2(controller)
        guard !offeredV2.contains(name) else { return }
        let values =
            mounts.layout == .v1 || !CgroupLimits.controllersV2.contains(name)
            ? try limits.valuesV1(controller) : try limits.valuesV2(name)
        if !values.isEmpty { throw missing(name, values) }
    }

    private static func nameInV2(_ controller: String) -> String { controller == "blkio" ? "io" : controller }

    private func checkUnified(_ name: String) throws(CgroupError) {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1)
        guard parts.count == 2, !name.utf8.contains(UInt8(ascii: "/")), name.utf8.first != UInt8(ascii: ".") else {
            throw CgroupError(
                .refused,
                "unified limit \"\(name)\" of cgroup \(group.path) is not the name of a file in a cgroup, such as "
                    + "memory.high")
        }
        guard mounts.unified != nil else {
            throw missing(String(Substring(parts[0])), [ControlValue(file: name, value: limits.unified[name] ?? "")])
        }
    }

    /// Sets everything. The group exists; hierarchies that it is not in yet and a limit needs are joined, with its
    /// processes.
    func apply(isNew: Bool) throws(CgroupError) {
        for controller in CgroupLimits.controllersV1 where controller != "devices" && mounts.v1[controller] != nil {
            guard let mount = mounts.v1[controller], try !limits.valuesV1(controller).isEmpty else { continue }
            let directory = mount + group.path
            if !ControlFile.exists(directory) {
                try group.createV1([controller], mounts)
                try group.moveAll(into: directory, mounts)
            }
            let limits = isNew ? limits : try completed(limits, directory, isV2: false)
            let values = try limits.valuesV1(controller) { ControlFile.exists(directory + "/" + $0) }
            try set(values, controller, directory)
        }
        try applyV2(isNew: isNew)
        try applyDevices(isNew: isNew)
        try applyUnified()
    }

    private func applyV2(isNew: Bool) throws(CgroupError) {
        guard let unified = mounts.unified else { return }
        let directory = unified + group.path
        for controller in CgroupLimits.controllersV2 where offeredV2.contains(controller) {
            let inV1 = controller == "io" ? "blkio" : controller
            guard mounts.v1[inV1] == nil else { continue }
            let limits = isNew ? limits : try completed(limits, directory, isV2: true)
            guard try !limits.valuesV2(controller).isEmpty else { continue }
            try join(controller, directory)
            let values = try limits.valuesV2(controller) { ControlFile.exists(directory + "/" + $0) }
            try set(values, controller, directory)
        }
    }

    /// Sees to it that the group is in cgroup2 and has the files of `controller`.
    private func join(_ controller: String, _ directory: String) throws(CgroupError) {
        if ControlFile.exists(directory), V2Gap.controllers(directory).contains(controller) { return }
        let isMissing = !ControlFile.exists(directory)
        try group.createV2([controller], mounts)
        if isMissing { try group.moveAll(into: directory, mounts) }
    }

    private func applyDevices(isNew: Bool) throws(CgroupError) {
        guard let rules = limits.devices else { return }
        do throws(CgroupError) {
            if let mount = mounts.v1["devices"] {
                let directory = mount + group.path
                let list = try DeviceList(rules)
                let present = isNew ? nil : ControlFile.read(directory + "/devices.list").map { DeviceList(list: $0) }
                try set(present.map { list.values(from: $0) } ?? list.values, "devices", directory)
                return
            }
            guard let unified = mounts.unified else { return }
            let directory = unified + group.path
            if !ControlFile.exists(directory) {
                try group.createV2([], mounts)
                try group.moveAll(into: directory, mounts)
            }
            try group.check(
                DeviceFilter.attach(rules, to: directory, replacing: !isNew), "set the device rules of")
        } catch {
            let isUnavailable = [EPERM, EACCES, ENOSYS, EINVAL, EROFS].contains(error.errno)
            guard limits.devicesAreOptional || Self.isInUserNamespace, isUnavailable else { throw error }
        }
    }

    /// In a user namespace nobody may set device rules; nor can anybody make a device there that its file's mode does
    /// not already give.
    private static var isInUserNamespace: Bool {
        ControlFile.lines("/proc/self/uid_map").first.map { $0 != ["0", "0", "4294967295"] } ?? false
    }

    private func applyUnified() throws(CgroupError) {
        guard !limits.unified.isEmpty, let unified = mounts.unified else { return }
        let directory = unified + group.path
        for name in limits.unified.keys.sorted() {
            let value = limits.unified[name] ?? ""
            let controller = String(Substring(name.utf8.prefix { $0 != UInt8(ascii: ".") }))
            let isOffered = offeredV2.contains(controller)
            if isOffered {
                try join(controller, directory)
            } else if !ControlFile.exists(directory) {
                try group.createV2([], mounts)
                try group.moveAll(into: directory, mounts)
            }
            let values = [ControlValue(file: name, value: value)]
            guard ControlFile.exists(directory + "/" + name) else {
                throw isOffered || controller == "cgroup"
                    ? missingFile(values[0], controller) : missing(controller, values)
            }
            if isOffered, mounts.v1[controller] == nil {
                try set(values, controller, directory)
            } else {
                try group.check(V2Gap.writeLines(value, to: directory + "/" + name), "set \(name)=\(value) of")
            }
        }
    }
}

// How single values get into their files.
extension CgroupSetting {
    /// Writes `values` in their order. Some depend on one another, such as memory and memory with swap, or quota and
    /// burst, and the order depends on what is set now: what is refused is tried again once the others are in place.
    private func set(_ values: [ControlValue], _ controller: String, _ directory: String) throws(CgroupError) {
        var pending: [ControlValue] = []
        var found = ""  // several values in a row are often one file's
        for value in values {
            guard !value.file.utf8.contains(UInt8(ascii: "/")), !value.file.utf8.contains(0) else {
                throw CgroupError(.refused, "\"\(value.file)\" is not the name of a control file")
            }
            if value.file == found || ControlFile.exists(directory + "/" + value.file) {
                found = value.file
                pending.append(value)
            } else if !value.isOptional {
                throw missingFile(value, controller)
            }
        }
        guard !pending.isEmpty, var failure = LibCgroup.modify(group.path, controller, pending) else { return }
        var failed = pending
        while controller != "devices" {
            var refused: [ControlValue] = []
            for value in pending {
                guard let problem = LibCgroup.modify(group.path, controller, [value]) else { continue }
                refused.append(value)
                if !value.isOptional { failure = problem }
            }
            failed = refused.filter { !$0.isOptional }
            if failed.isEmpty { return }
            guard refused.count < pending.count else { break }
            pending = refused
        }
        try group.check(failure, "set \(Self.names(failed)) of", controller)
    }

    /// Fills in what the group is set to where a limit comes in two parts and only one was given, and looks whether
    /// memory in use leaves room for the new limit.
    private func completed(
        _ limits: CgroupLimits, _ directory: String, isV2: Bool
    ) throws(CgroupError) -> CgroupLimits {
        var limits = limits
        if limits.checksMemoryBeforeUpdate { try checkUsage(limits, directory, isV2: isV2) }
        guard isV2 else { return limits }
        if (limits.cpuQuotaMicroseconds == nil) != (limits.cpuPeriodMicroseconds == nil),
            let present = ControlFile.lines(directory + "/cpu.max").first, present.count == 2
        {
            limits.cpuQuotaMicroseconds = limits.cpuQuotaMicroseconds ?? Int64(present[0]) ?? -1
            limits.cpuPeriodMicroseconds = limits.cpuPeriodMicroseconds ?? UInt64(present[1])
        }
        if let swap = limits.memorySwapBytes, swap > 0, limits.memoryBytes == nil,
            let present = ControlFile.read(directory + "/memory.max")
        {
            limits.memoryBytes = Int64(present) ?? -1
        }
        return limits
    }

    private func checkUsage(_ limits: CgroupLimits, _ directory: String, isV2: Bool) throws(CgroupError) {
        func check(_ name: String, _ limit: Int64?, _ file: String) throws(CgroupError) {
            guard let limit, limit > 0, let usage = ControlFile.number(directory + "/" + file), limit <= usage else {
                return
            }
            throw CgroupError(
                .refused,
                "cannot set the \(name) limit of cgroup \(group.path) to \(limit): \(usage) bytes are in use; "
                    + "choose a higher limit",
                errno: EBUSY)
        }
        try check("memory", limits.memoryBytes, isV2 ? "memory.current" : "memory.usage_in_bytes")
        try check("memory + swap", limits.memorySwapBytes, isV2 ? "memory.current" : "memory.memsw.usage_in_bytes")
    }

    private func missing(_ controller: String, _ values: [ControlValue], _ place: String = "") -> CgroupError {
        CgroupError(
            .controllerMissing,
            "cannot set \(Self.names(values)) of cgroup \(group.path): this system offers no \(controller) "
                + "controller\(place); leave that limit out or enable the controller in the kernel")
    }

    private func missingFile(_ value: ControlValue, _ controller: String) -> CgroupError {
        CgroupError(
            .controllerMissing,
            "cannot set \(value.file)=\(value.value) of cgroup \(group.path): this kernel's \(controller) "
                + "controller has no such file; leave that limit out",
            errno: ENOENT)
    }

    private static func names(_ values: [ControlValue]) -> String {
        values.prefix(3).map { "\($0.file)=\($0.value)" }.joined(separator: ", ") + (values.count > 3 ? ", …" : "")
    }
}
