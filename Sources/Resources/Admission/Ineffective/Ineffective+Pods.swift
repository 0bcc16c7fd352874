import JSON

/// Left out, as a single device is the same without them: what chooses among nodes or waits for room on one (`podAffinity`,
/// `podAntiAffinity`, preferred `nodeAffinity`, `topologySpreadConstraints`, `requests`, `overhead`, `workloadRef`),
/// what goes before others there (`priorityClassName`, `priority`, `preemptionPolicy`), variables for services
/// that are not there (`enableServiceLinks`), how to do what is not done (`resizePolicy`, `seLinuxChangePolicy`) or what is
/// done at once (`fsGroupChangePolicy`).
extension Ineffective {
    /// Of a pod, or of the pods of a template.
    static let pods = [
        IneffectiveField("hostUsers", only: [false], "pods get no user namespace; use securityContext.runAsUser"),
        IneffectiveField("hostnameOverride", "use hostname"),
        IneffectiveField("os.name", butNot: ["linux"], "devices run Linux"),
        IneffectiveField("readinessGates", "the pod is ready as soon as its containers are"),
        IneffectiveField("resourceClaims", "there is no dynamic resource allocation"),
        IneffectiveField("resources", "set the resources of each container"),
        IneffectiveField("runtimeClassName", "containers run by Wherry's own runtime"),
        IneffectiveField("schedulerName", butNot: ["default-scheduler"], "the device takes the pod by itself"),
        IneffectiveField("schedulingGates", "the pod starts at once"),
        IneffectiveField("securityContext.appArmorProfile.type", butNot: ["Unconfined"], noAppArmor),
        IneffectiveField("securityContext.seLinuxOptions", noSELinux),
        IneffectiveField(
            "securityContext.supplementalGroupsPolicy", only: ["Strict"],
            "the groups that the image's /etc/group gives to the user count, too"),
        IneffectiveField("securityContext.windowsOptions", "devices run Linux"),
        IneffectiveField("setHostnameAsFQDN", "there is no cluster domain"),
        IneffectiveField(
            "shareProcessNamespace",
            "each container sees its own processes only; kubectl debug --target looks into one"),
        IneffectiveField("subdomain", "there is no cluster DNS"),
        IneffectiveField("volumes[].emptyDir.medium", butNot: ["Memory"], "the directory is on the disk; use Memory"),
        IneffectiveField(
            "volumes[].emptyDir.sizeLimit", butNot: ["0"], unless: .inMemory,
            "nothing bounds a directory on the disk; use medium: Memory"),
    ]

    /// Of each container, those of init and ephemeral ones included.
    static let containers = [
        IneffectiveField(
            "ports[].hostPort", unless: .onHostNetwork, "nothing forwards the port; use hostNetwork: true"),
        IneffectiveField("resources.claims", "there is no dynamic resource allocation"),
        IneffectiveField(
            "resources.limits.ephemeral-storage", "nothing bounds what the container writes to the disk"),
        IneffectiveField(
            "resources.limits.*", butNot: ["cpu", "memory", "ephemeral-storage"],
            "the device has no such resource to give"),
        IneffectiveField("restartPolicyRules", "restartPolicy alone decides"),
        IneffectiveField("securityContext.appArmorProfile.type", butNot: ["Unconfined"], noAppArmor),
        IneffectiveField(
            "securityContext.procMount", only: ["Unmasked"], unless: .privileged,
            "parts of /proc stay hidden: a user namespace would make them safe, and pods get none"),
        IneffectiveField("securityContext.seLinuxOptions", noSELinux),
        IneffectiveField("securityContext.windowsOptions", "devices run Linux"),
        IneffectiveField("volumeDevices", "no block device is attached"),
    ]

    private static let noAppArmor = "no AppArmor profile is applied; capabilities and seccompProfile count"
    private static let noSELinux = "no SELinux label is set; capabilities and seccompProfile count"
}

extension IneffectiveField.Exception {
    /// There the port of the container is the port of the machine.
    static let onHostNetwork = Self(text: "`hostNetwork: true`") { _, pod in pod["hostNetwork"] == true }
    /// The size of a tmpfs is kept to.
    static let inMemory = Self(text: "`medium: Memory`") { holder, _ in holder["medium"] == "Memory" }
    /// Nothing is hidden from it.
    static let privileged = Self(text: "`privileged: true`") { holder, _ in holder["privileged"] == true }
}
