import JSON

/// The Pod Security Standards: what pods may ask for, as the labels of their namespace say.
///
/// https://kubernetes.io/docs/concepts/security/pod-security-standards/
public enum PodSecurity {
    public enum Level: String, Sendable {
        case privileged, baseline, restricted
    }

    /// What happens to a pod that asks for more.
    public enum Mode: String, Sendable, CaseIterable {
        /// It is refused.
        case enforce
        /// Its writer is told.
        case warn
        /// The audit log is told.
        case audit
    }

    private static let prefix = "pod-security.kubernetes.io/"

    /// The level that a namespace's labels name, and the version of the standard. Without a label everything is allowed; a level
    /// that is none is taken for the strictest, since somebody wanted to restrict.
    public static func level(of mode: Mode, labels: [String: String]) -> (level: Level, version: String) {
        guard let text = labels[prefix + mode.rawValue] else { return (.privileged, "latest") }
        return (Level(rawValue: text) ?? .restricted, labels[prefix + mode.rawValue + "-version"] ?? "latest")
    }

    /// What of a pod violates a level, in kube-apiserver's words; nil when nothing does.
    public static func violations(of pod: PodSpec, level: Level) -> String? {
        let checks: [Check]
        switch level {
        case .privileged: return nil
        case .baseline: checks = baseline + [capabilities, hostPaths, seccomp]
        case .restricted: checks = baseline + restricted
        }
        let found = checks.sorted { ($0.isRestricted ? 1 : 0, $0.id) < ($1.isRestricted ? 1 : 0, $1.id) }
            .compactMap { check in check.find(pod).map { "\(check.reason) (\($0))" } }
        return found.isEmpty ? nil : found.joined(separator: ", ")
    }

    /// What the writer of a pod, or of something that makes pods, is to be warned of in a namespace with these labels.
    public static func warning(for resource: Resource, labels: [String: String]) -> String? {
        let (level, version) = level(of: .warn, labels: labels)
        guard level != .privileged, let pod = podSpec(in: resource), let found = violations(of: pod, level: level)
        else {
            return nil
        }
        return "would violate PodSecurity \"\(level.rawValue):\(version)\": \(found)"
    }

    private static func podSpec(in resource: Resource) -> PodSpec? {
        let path: [String]
        switch resource.type {
        case .pod: path = ["spec"]
        case .podTemplate: path = ["template", "spec"]
        case .cronJob: path = ["spec", "jobTemplate", "spec", "template", "spec"]
        default: path = ["spec", "template", "spec"]
        }
        let value = path.reduce(resource.value as JSONValue?) { $0?[$1] }
        return value.flatMap { try? $0.decode(as: PodSpec.self) }
    }

    // MARK: Checks

    private struct Check {
        /// Kubernetes' name of it, which orders the messages.
        let id: String
        let reason: String
        var isRestricted = false
        /// What is wrong; nil when nothing is.
        let find: @Sendable (PodSpec) -> String?
    }

    private static let baseline: [Check] = [
        Check(id: "hostNamespaces", reason: "host namespaces") { pod in
            list([
                pod.hostNetwork == true ? "hostNetwork=true" : nil, pod.hostPID == true ? "hostPID=true" : nil,
                pod.hostIPC == true ? "hostIPC=true" : nil,
            ])
        },
        Check(id: "hostPorts", reason: "hostPort") { pod in
            var names: [String] = []
            var ports: [Int] = []
            for container in pod.securedContainers {
                let used = (container.ports ?? []).compactMap(\.hostPort).filter { $0 != 0 }
                if !used.isEmpty { names.append(container.name) }
                ports += used
            }
            guard !names.isEmpty else { return nil }
            let unique = Array(Set(ports)).sorted()
            return
                "\(containers(names)) \(names.count == 1 ? "uses" : "use") \(unique.count == 1 ? "hostPort" : "hostPorts") "
                + unique.map(String.init).joined(separator: ", ")
        },
        Check(id: "privileged", reason: "privileged") { pod in
            offenders(pod) { $0.securityContext?.privileged == true }
                .map { "\($0) must not set securityContext.privileged=true" }
        },
        Check(id: "procMount", reason: "procMount") { pod in
            offenders(pod) { !["", "Default"].contains($0.securityContext?.procMount ?? "") }
                .map { "\($0) must not set securityContext.procMount to \"Unmasked\"" }
        },
        Check(id: "seLinuxOptions", reason: "seLinuxOptions") { pod in
            let allowed = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"]
            func isBad(_ options: JSONValue?) -> Bool {
                !allowed.contains(options.text("type")) || !options.text("user").isEmpty
                    || !options.text("role").isEmpty
            }
            return list([
                isBad(pod.securityContext?.seLinuxOptions) ? "pod" : nil,
                offenders(pod) { isBad($0.securityContext?.seLinuxOptions) },
            ]).map { "\($0) set forbidden securityContext.seLinuxOptions" }
        },
        Check(id: "sysctls", reason: "forbidden sysctls") { pod in
            list((pod.securityContext?.sysctls ?? []).map(\.name).filter { !safeSysctls.contains($0) })
        },
        Check(id: "appArmorProfile", reason: "forbidden AppArmor profiles") { pod in
            func isBad(_ profile: JSONValue?) -> Bool { profile.text("type") == "Unconfined" }
            return list([
                isBad(pod.securityContext?.appArmorProfile) ? "pod" : nil,
                offenders(pod) { isBad($0.securityContext?.appArmorProfile) },
            ]).map { "\($0) must not set AppArmor profile type to \"Unconfined\"" }
        },
        Check(id: "windowsHostProcess", reason: "hostProcess") { pod in
            func isBad(_ options: JSONValue?) -> Bool { options?["hostProcess"]?.boolValue == true }
            return list([
                isBad(pod.securityContext?.windowsOptions) ? "pod" : nil,
                offenders(pod) { isBad($0.securityContext?.windowsOptions) },
            ]).map { "\($0) must not set securityContext.windowsOptions.hostProcess=true" }
        },
    ]

    // The restricted level has stricter forms of these three.

    private static let capabilities = Check(id: "capabilities_baseline", reason: "non-default capabilities") { pod in
        addedCapabilities(pod, besides: defaultCapabilities)
    }

    private static let hostPaths = Check(id: "hostPathVolumes", reason: "hostPath volumes") { pod in
        volumes(pod.volumes?.filter { $0.hostPath != nil }.map(\.name) ?? [])
    }

    private static let seccomp = Check(id: "seccompProfile_baseline", reason: "seccompProfile") { pod in
        func isBad(_ profile: SeccompProfile?) -> Bool { profile?.type == "Unconfined" }
        return list([
            isBad(pod.securityContext?.seccompProfile) ? "pod" : nil,
            offenders(pod) { isBad($0.securityContext?.seccompProfile) },
        ]).map { "\($0) must not set securityContext.seccompProfile.type to \"Unconfined\"" }
    }

    private static let restricted: [Check] = [
        Check(
            id: "allowPrivilegeEscalation", reason: "allowPrivilegeEscalation != false", isRestricted: true
        ) { pod in
            offenders(pod) { $0.securityContext?.allowPrivilegeEscalation != false }
                .map { "\($0) must set securityContext.allowPrivilegeEscalation=false" }
        },
        Check(id: "capabilities_restricted", reason: "unrestricted capabilities", isRestricted: true) { pod in
            let undropped = offenders(pod) { container in
                !(container.securityContext?.capabilities?.drop ?? []).contains("ALL")
            }.map { "\($0) must set securityContext.capabilities.drop=[\"ALL\"]" }
            return joined([undropped, addedCapabilities(pod, besides: ["NET_BIND_SERVICE"])], "; ")
        },
        Check(id: "restrictedVolumes", reason: "restricted volume types", isRestricted: true) { pod in
            let bad = (pod.volumes ?? []).compactMap { volume in volume.restrictedType.map { (volume.name, $0) } }
            guard !bad.isEmpty else { return nil }
            let types = Array(Set(bad.map(\.1))).sorted().map { "\"\($0)\"" }
            return "\(volumes(bad.map(\.0)) ?? "") \(bad.count == 1 ? "uses" : "use") restricted volume "
                + "\(types.count == 1 ? "type" : "types") \(types.joined(separator: ", "))"
        },
        Check(id: "runAsNonRoot", reason: "runAsNonRoot != true", isRestricted: true) { pod in
            let whole = pod.securityContext?.runAsNonRoot
            let explicit = offenders(pod) { $0.securityContext?.runAsNonRoot == false }
                .map { "\($0) must not set securityContext.runAsNonRoot=false" }
            let podItself = whole == false ? "pod must not set securityContext.runAsNonRoot=false" : nil
            if let found = joined([podItself, explicit], "; ") { return found }
            guard whole != true else { return nil }
            return offenders(pod) { $0.securityContext?.runAsNonRoot == nil }
                .map { "pod or \($0) must set securityContext.runAsNonRoot=true" }
        },
        Check(id: "runAsUser", reason: "runAsUser=0", isRestricted: true) { pod in
            list([
                pod.securityContext?.runAsUser == 0 ? "pod" : nil,
                offenders(pod) { $0.securityContext?.runAsUser == 0 },
            ]).map { "\($0) must not set runAsUser=0" }
        },
        Check(id: "seccompProfile_restricted", reason: "seccompProfile", isRestricted: true) { pod in
            let allowed = ["RuntimeDefault", "Localhost"]
            let whole = pod.securityContext?.seccompProfile?.type
            let explicit = offenders(pod) { container in
                container.securityContext?.seccompProfile.map { !allowed.contains($0.type) } ?? false
            }.map { "\($0) must not set securityContext.seccompProfile.type to \"Unconfined\"" }
            let podItself =
                whole.map { !allowed.contains($0) } == true
                ? "pod must not set securityContext.seccompProfile.type to \"Unconfined\"" : nil
            if let found = joined([podItself, explicit], "; ") { return found }
            guard whole == nil else { return nil }
            return offenders(pod) { $0.securityContext?.seccompProfile == nil }
                .map {
                    "pod or \($0) must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""
                }
        },
    ]

    private static let defaultCapabilities: Set = [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    ]

    private static let safeSysctls: Set = [
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
    ]

    // MARK: Words

    private static func addedCapabilities(_ pod: PodSpec, besides allowed: Set<String>) -> String? {
        var names: [String] = []
        var added: Set<String> = []
        for container in pod.securedContainers {
            let more = Set(container.securityContext?.capabilities?.add ?? []).subtracting(allowed)
            if !more.isEmpty { names.append(container.name) }
            added.formUnion(more)
        }
        guard !names.isEmpty else { return nil }
        let list = added.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
        return "\(containers(names)) must not include \(list) in securityContext.capabilities.add"
    }

    private static func offenders(_ pod: PodSpec, _ isOne: (Container) -> Bool) -> String? {
        let names = pod.securedContainers.filter(isOne).map(\.name)
        return names.isEmpty ? nil : containers(names)
    }

    private static func containers(_ names: [String]) -> String { counted("container", names) }

    private static func volumes(_ names: [String]) -> String? { names.isEmpty ? nil : counted("volume", names) }

    private static func counted(_ word: String, _ names: [String]) -> String {
        "\(word)\(names.count == 1 ? "" : "s") \(names.map { "\"\($0)\"" }.joined(separator: ", "))"
    }

    private static func list(_ parts: [String?]) -> String? { joined(parts, ", ") }

    private static func joined(_ parts: [String?], _ separator: String) -> String? {
        let present = parts.compactMap { $0 }
        return present.isEmpty ? nil : present.joined(separator: separator)
    }
}

extension PodSpec {
    var allContainers: [Container] { (initContainers ?? []) + containers }
    /// Those that are added later, too: they have no resources, but security contexts.
    fileprivate var securedContainers: [Container] { allContainers + (ephemeralContainers ?? []).map(\.container) }
}

extension JSONValue? {
    fileprivate func text(_ member: String) -> String { self?[member]?.stringValue ?? "" }
}

extension Volume {
    private static let unrestricted: Set = [
        "name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim",
        "projected",
        "secret",
    ]

    /// The kind of source that the restricted level forbids; nil for one that it allows.
    fileprivate var restrictedType: String? {
        guard let members = (try? JSONValue(encoding: self))?.objectValue else { return "unknown" }
        return members.keys.sorted().first { !Self.unrestricted.contains($0) }
    }
}
