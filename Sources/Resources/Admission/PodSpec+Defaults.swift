import JSON

/// Defaults of k8s.io/kubernetes/pkg/apis/core/v1.
extension PodSpec {
    mutating func setDefaults() {
        restartPolicy = restartPolicy ?? "Always"
        dnsPolicy = dnsPolicy ?? "ClusterFirst"
        terminationGracePeriodSeconds = terminationGracePeriodSeconds ?? 30
        securityContext = securityContext ?? PodSecurityContext()
        schedulerName = schedulerName ?? "default-scheduler"
        let onHost = hostNetwork == true
        for index in containers.indices { containers[index].setDefaults(hostNetwork: onHost) }
        for index in (initContainers ?? []).indices { initContainers?[index].setDefaults(hostNetwork: onHost) }
        for index in (ephemeralContainers ?? []).indices {
            ephemeralContainers?[index].container.setDefaults(hostNetwork: false)
        }
        for index in (volumes ?? []).indices { volumes?[index].setDefaults() }
    }
}

extension Container {
    mutating func setDefaults(hostNetwork: Bool) {
        if terminationMessagePath?.isEmpty ?? true { terminationMessagePath = "/dev/termination-log" }
        if terminationMessagePolicy?.isEmpty ?? true { terminationMessagePolicy = "File" }
        imagePullPolicy = imagePullPolicy ?? (Self.isLatest(image ?? "") ? "Always" : "IfNotPresent")
        var resources = resources ?? ResourceRequirements()
        if let limits = resources.limits {
            resources.requests = (resources.requests ?? [:]).merging(limits) { request, _ in request }
        }
        self.resources = resources
        ports = ports?.map { $0.withDefaults(hostNetwork: hostNetwork) }
        for index in (env ?? []).indices where env?[index].valueFrom?.fieldRef?.apiVersion == nil {
            env?[index].valueFrom?.fieldRef?.apiVersion = "v1"
        }
        livenessProbe?.setDefaults()
        readinessProbe?.setDefaults()
        startupProbe?.setDefaults()
        lifecycle?.postStart?.httpGet?.setDefaults()
        lifecycle?.preStop?.httpGet?.setDefaults()
    }

    /// Whether a reference means whatever is newest: no digest, and the tag `latest` or none.
    private static func isLatest(_ image: String) -> Bool {
        if image.contains("@") { return false }
        let name = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard let colon = name.lastIndex(of: ":") else { return true }
        return name[name.index(after: colon)...] == "latest"
    }
}

extension ContainerPort {
    func withDefaults(hostNetwork: Bool) -> ContainerPort {
        var port = self
        port.protocol = port.protocol ?? "TCP"
        if hostNetwork, port.hostPort ?? 0 == 0 { port.hostPort = port.containerPort }
        return port
    }
}

extension Probe {
    mutating func setDefaults() {
        timeoutSeconds = Self.positive(timeoutSeconds) ?? 1
        periodSeconds = Self.positive(periodSeconds) ?? 10
        successThreshold = Self.positive(successThreshold) ?? 1
        failureThreshold = Self.positive(failureThreshold) ?? 3
        httpGet?.setDefaults()
    }

    /// 0 means unset, as everywhere in Kubernetes where 0 makes no sense.
    private static func positive(_ value: Int?) -> Int? { value == 0 ? nil : value }
}

extension HTTPGetAction {
    mutating func setDefaults() {
        if path?.isEmpty ?? true { path = "/" }
        if scheme?.isEmpty ?? true { scheme = "HTTP" }
    }
}

extension JSONValue {
    /// Of volumes with tokens only: others ran before there were these defaults, and a template that changes restarts its pods.
    fileprivate mutating func setProjectionDefaults() {
        guard list("sources").contains(where: { $0["serviceAccountToken"]?.objectValue != nil }) else { return }
        setDefault("defaultMode", to: .integer(Int64(Volume.defaultFileMode)))
        changeEach("sources") { source in
            if source["serviceAccountToken"]?.objectValue != nil {
                source.setDefault("serviceAccountToken", "expirationSeconds", to: 3600)
            }
            guard var downward = source["downwardAPI"] else { return }
            downward.changeEach("items") { item in
                if item["fieldRef"] != nil { item.setDefault("fieldRef", "apiVersion", to: "v1") }
            }
            source["downwardAPI"] = downward
        }
    }
}

extension Volume {
    static let defaultFileMode = 0o644

    mutating func setDefaults() {
        if sourceNames.isEmpty { emptyDir = EmptyDirVolumeSource() }
        if configMap?.defaultMode == nil { configMap?.defaultMode = Self.defaultFileMode }
        if secret?.defaultMode == nil { secret?.defaultMode = Self.defaultFileMode }
        if downwardAPI?.defaultMode == nil { downwardAPI?.defaultMode = Self.defaultFileMode }
        for index in (downwardAPI?.items ?? []).indices
        where downwardAPI?.items?[index].fieldRef?.apiVersion == nil {
            downwardAPI?.items?[index].fieldRef?.apiVersion = "v1"
        }
        if hostPath?.type == nil { hostPath?.type = "" }
        projected?.setProjectionDefaults()
    }

    /// Names of the sources that are set; exactly one should be.
    public var sourceNames: [String] {
        let carriedSources: [(String, JSONValue?)] = [
            ("projected", projected), ("persistentVolumeClaim", persistentVolumeClaim), ("ephemeral", ephemeral),
            ("nfs", nfs), ("csi", csi), ("iscsi", iscsi), ("image", image), ("fc", fc), ("rbd", rbd),
            ("cephfs", cephfs), ("glusterfs", glusterfs), ("flexVolume", flexVolume), ("gitRepo", gitRepo),
            ("awsElasticBlockStore", awsElasticBlockStore), ("azureDisk", azureDisk), ("azureFile", azureFile),
            ("cinder", cinder), ("flocker", flocker), ("gcePersistentDisk", gcePersistentDisk),
            ("photonPersistentDisk", photonPersistentDisk), ("portworxVolume", portworxVolume),
            ("quobyte", quobyte), ("scaleIO", scaleIO), ("storageos", storageos), ("vsphereVolume", vsphereVolume),
        ]
        let used: [String?] = [
            configMap == nil ? nil : "configMap", secret == nil ? nil : "secret", emptyDir == nil ? nil : "emptyDir",
            hostPath == nil ? nil : "hostPath", downwardAPI == nil ? nil : "downwardAPI",
        ]
        return used.compactMap { $0 } + carriedSources.compactMap { $1 == nil ? nil : $0 }
    }
}
