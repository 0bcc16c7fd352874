import CSeccomp
import Linux
import OCI

/// A specification's filter with every name looked up. What is not known is an error that names its place.
struct SeccompRules {
    struct Rule {
        let names: [String]
        let action: UInt32
        let conditions: [scmp_arg_cmp]
        /// Where it stands, for errors.
        let place: String

        /// Conditions hold together, but libseccomp takes one for an argument. runc makes a rule of each condition when
        /// an argument is named twice, and profiles rely on it.
        var alternatives: [[scmp_arg_cmp]] {
            Set(conditions.map(\.arg)).count == conditions.count ? [conditions] : conditions.map { [$0] }
        }
    }

    let defaultAction: UInt32
    /// libseccomp's tokens.
    let architectures: [UInt32]
    /// Without those that say what the default says.
    let rules: [Rule]

    init(_ profile: RuntimeSpec.Seccomp) throws(RuntimeError) {
        let place = "linux.seccomp"
        let defaultAction = try Self.action(profile.defaultAction, profile.defaultErrnoRet, "\(place).default")
        architectures = try (profile.architectures ?? []).enumerated().map { (index, name) throws(RuntimeError) in
            try Self.architecture(name, "\(place).architectures[\(index)]")
        }
        let all = try (profile.syscalls ?? []).enumerated().map { (index, rule) throws(RuntimeError) in
            try Self.rule(rule, "\(place).syscalls[\(index)]")
        }
        self.defaultAction = defaultAction
        rules = all.filter { $0.action != defaultAction }
        if profile.asks { try Self.checkListener(profile, defaultAction, all) }
    }

    private static func rule(_ rule: RuntimeSpec.Seccomp.Rule, _ place: String) throws(RuntimeError) -> Rule {
        if rule.names.isEmpty { throw RuntimeError(.invalidSpec, "\(place).names is empty; name at least one call") }
        let conditions = try (rule.args ?? []).enumerated().map { (index, argument) throws(RuntimeError) in
            let place = "\(place).args[\(index)]"
            guard argument.index < 6 else {
                throw RuntimeError(.invalidSpec, "\(place).index \(argument.index) is not 0–5")
            }
            guard let comparison = SeccompNames.operators[argument.op] else {
                throw RuntimeError(.invalidSpec, "\(place).op \"\(argument.op)\" is not known")
            }
            // For a masked comparison, the specification's value is the mask and valueTwo what must be left.
            return scmp_arg_cmp(
                arg: argument.index, op: comparison, datum_a: argument.value, datum_b: argument.valueTwo ?? 0)
        }
        return Rule(
            names: rule.names, action: try action(rule.action, rule.errnoRet, place), conditions: conditions,
            place: place)
    }

    private static func action(
        _ name: String, _ errnoRet: UInt32?, _ place: String
    ) throws(RuntimeError) -> UInt32 {
        let isDefault = place.hasSuffix(".default")
        let (member, number) =
            isDefault ? ("\(place)Action", "\(place)ErrnoRet") : ("\(place).action", "\(place).errnoRet")
        guard let action = SeccompNames.actions[name] else {
            throw RuntimeError(.invalidSpec, "\(member) \"\(name)\" is not known")
        }
        let limit: UInt32
        switch action {
        case SeccompNames.errno: limit = 4095  // the kernel's MAX_ERRNO
        case SeccompNames.trace: limit = 0xffff
        default:
            if errnoRet == nil { return action }
            throw RuntimeError(.invalidSpec, "\(number) is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not \(name)")
        }
        let value = errnoRet ?? UInt32(EPERM)
        guard value <= limit else { throw RuntimeError(.invalidSpec, "\(number) \(value) is more than \(limit)") }
        return action | value
    }

    private static func architecture(_ name: String, _ place: String) throws(RuntimeError) -> UInt32 {
        guard let own = SeccompNames.architectures[name] else {
            throw RuntimeError(.invalidSpec, "\(place) \"\(name)\" is not known")
        }
        let token = seccomp_arch_resolve_name(own)
        guard token != 0 else {
            throw RuntimeError(
                .unsupported, "\(place) \(name) is not supported by libseccomp \(SeccompNames.libraryVersion)")
        }
        return token
    }

    /// The listener's descriptor leaves this process by sendmsg when the filter is in force already, and before anybody
    /// can answer what the filter asks about.
    private static func checkListener(
        _ profile: RuntimeSpec.Seccomp, _ defaultAction: UInt32, _ rules: [Rule]
    ) throws(RuntimeError) {
        if profile.listenerPath?.isEmpty != false {
            throw RuntimeError(
                .invalidSpec, "linux.seccomp.listenerPath is missing; \(SeccompNames.notifyName) needs it")
        }
        let passes = { (action: UInt32) in action == SeccompNames.allow || action == SeccompNames.log }
        let concerned = rules.filter { $0.names.contains("sendmsg") }
        let refusing = concerned.first { !passes($0.action) }
        guard let place = refusing?.place ?? (passes(defaultAction) ? nil : "linux.seccomp") else { return }
        if refusing == nil, concerned.contains(where: { $0.conditions.isEmpty }) { return }
        throw RuntimeError(
            .invalidSpec,
            "\(place) must allow sendmsg: the listener of \(SeccompNames.notifyName) is handed over by it")
    }
}

extension RuntimeSpec.Seccomp {
    /// Some call is for an agent to decide.
    var asks: Bool {
        defaultAction == SeccompNames.notifyName || syscalls?.contains { $0.action == SeccompNames.notifyName } == true
    }
}
