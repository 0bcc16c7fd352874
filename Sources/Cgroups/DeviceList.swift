/// What a list of device rules comes to, in the terms of the v1 devices controller: a default and exceptions from it.
///
/// v1 does not apply rules one after the other: a denial only takes away exceptions that were made with the very same
/// numbers. So the rules are worked out here, the last that matches deciding for each kind of access, and only the
/// outcome is written. A denial inside a wider permission cannot be told to v1; such a list is refused unless a later
/// rule makes it void.
struct DeviceList: Equatable {
    struct Devices: Hashable {
        let isBlock: Bool
        let major: UInt32?
        let minor: UInt32?

        func covers(_ other: Devices) -> Bool {
            isBlock == other.isBlock && (major == nil || major == other.major)
                && (minor == nil || minor == other.minor)
        }

        /// The devices that belong to both; nil when there are none.
        func common(_ other: Devices) -> Devices? {
            guard isBlock == other.isBlock else { return nil }
            if let major, let theirs = other.major, major != theirs { return nil }
            if let minor, let theirs = other.minor, minor != theirs { return nil }
            return Devices(isBlock: isBlock, major: major ?? other.major, minor: minor ?? other.minor)
        }

        var text: String {
            func number(_ value: UInt32?) -> String { value.map { String($0) } ?? "*" }
            return "\(isBlock ? "b" : "c") \(number(major)):\(number(minor))"
        }
    }

    struct Entry: Equatable {
        let devices: Devices
        var access: DeviceAccess
        var line: String { "\(devices.text) \(access.letters)" }
    }

    private(set) var allowsByDefault = false
    /// What is allowed when the default is to deny, and the other way round.
    private(set) var exceptions: [Entry] = []
    /// What should follow the default again and cannot, a wider exception being around it.
    private var holes: [Entry] = []

    init() {}

    /// - Throws: `.refused` for rules that v1 cannot express.
    init(_ rules: [DeviceRule]) throws(CgroupError) {
        for rule in rules { apply(rule) }
        guard let hole = holes.first else { return }
        throw CgroupError(
            .refused,
            "cgroup v1 cannot \(allowsByDefault ? "allow" : "deny") devices \(hole.line) alone, a wider rule that does "
                + "the opposite comes before it: put the wider rule last, or name the devices one by one")
    }

    /// Reads `devices.list`. Where the default is to allow, the kernel tells that and not the exceptions.
    init(list: String) {
        for line in list.utf8.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count == 3, let kind = fields[0].first else { continue }
            let numbers = fields[1].split(separator: UInt8(ascii: ":"))
            guard numbers.count == 2 else { continue }
            apply(
                DeviceRule(
                    kind: DeviceRule.Kind(rawValue: String(UnicodeScalar(kind))) ?? .all,
                    major: UInt32(Substring(numbers[0])), minor: UInt32(Substring(numbers[1])),
                    access: String(Substring(fields[2]))))
        }
    }

    private mutating func apply(_ rule: DeviceRule) {
        if rule.isTotal {
            allowsByDefault = rule.isAllowed
            (exceptions, holes) = ([], [])
            return
        }
        if rule.kind != .character { apply(rule, isBlock: true) }
        if rule.kind != .block { apply(rule, isBlock: false) }
    }

    private mutating func apply(_ rule: DeviceRule, isBlock: Bool) {
        let devices = Devices(isBlock: isBlock, major: rule.major, minor: rule.minor)
        let access = rule.accessBits
        guard !access.isEmpty else { return }
        guard rule.isAllowed == allowsByDefault else {
            Self.add(access, for: devices, to: &exceptions)
            Self.remove(access, for: devices, from: &holes)
            return
        }
        Self.remove(access, for: devices, from: &exceptions)
        for exception in exceptions {
            let both = exception.access.intersection(access)
            if !both.isEmpty, let common = exception.devices.common(devices) { Self.add(both, for: common, to: &holes) }
        }
    }

    private static func add(_ access: DeviceAccess, for devices: Devices, to entries: inout [Entry]) {
        if let index = entries.firstIndex(where: { $0.devices == devices }) {
            entries[index].access.formUnion(access)
        } else {
            entries.append(Entry(devices: devices, access: access))
        }
    }

    private static func remove(_ access: DeviceAccess, for devices: Devices, from entries: inout [Entry]) {
        for index in entries.indices where devices.covers(entries[index].devices) {
            entries[index].access.subtract(access)
        }
        entries.removeAll { $0.access.isEmpty }
    }

    /// The exceptions as the kernel needs them: it wants all the access of one request in one exception, so each has
    /// what wider ones give.
    private var entries: [Entry] {
        guard !allowsByDefault else { return exceptions }
        return exceptions.map { entry in
            var entry = entry
            for wider in exceptions where wider.devices.covers(entry.devices) { entry.access.formUnion(wider.access) }
            return entry
        }
    }

    private static func deny(_ text: String) -> ControlValue { ControlValue(file: "devices.deny", value: text) }
    private static func allow(_ text: String) -> ControlValue { ControlValue(file: "devices.allow", value: text) }

    /// What makes a group follow this list, whatever its rules are now.
    var values: [ControlValue] {
        allowsByDefault
            ? [Self.allow("a")] + entries.map { Self.deny($0.line) }
            : [Self.deny("a")] + entries.map { Self.allow($0.line) }
    }

    /// What leads from the rules that a group has to this list, so that what both allow is allowed all the time.
    func values(from present: DeviceList) -> [ControlValue] {
        guard !present.allowsByDefault, !allowsByDefault else { return values }
        let wanted = entries
        let fresh = wanted.filter { !present.exceptions.contains($0) }
        let gone = present.exceptions.compactMap { old -> Entry? in
            let kept = wanted.first { $0.devices == old.devices }?.access ?? []
            let rest = old.access.subtracting(kept)
            return rest.isEmpty ? nil : Entry(devices: old.devices, access: rest)
        }
        return fresh.map { Self.allow($0.line) } + gone.map { Self.deny($0.line) }
    }
}
