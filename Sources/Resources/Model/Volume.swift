public import JSON

/// Files that containers of a pod can mount: a name and exactly one source.
public struct Volume: Codable, Hashable, Sendable {
    /// Unique within the pod.
    public var name: String
    /// Keys of a ConfigMap as files.
    public var configMap: ConfigMapVolumeSource?
    /// Keys of a Secret as files, in memory.
    public var secret: SecretVolumeSource?
    /// An empty directory that goes with the pod.
    public var emptyDir: EmptyDirVolumeSource?
    /// A path of the machine.
    public var hostPath: HostPathVolumeSource?
    /// Fields of the pod as files.
    public var downwardAPI: DownwardAPIVolumeSource?
    /// Several of these in one directory.
    public var projected: JSONValue?
    /// Carried; the agent refuses it.
    public var persistentVolumeClaim: JSONValue?
    /// Carried; the agent refuses it.
    public var ephemeral: JSONValue?
    /// Carried; the agent refuses it.
    public var nfs: JSONValue?
    /// Carried; the agent refuses it.
    public var csi: JSONValue?
    /// Carried; the agent refuses it.
    public var iscsi: JSONValue?
    /// Carried; the agent refuses it.
    public var image: JSONValue?
    /// Carried; the agent refuses it.
    public var fc: JSONValue?
    /// Carried; the agent refuses it.
    public var rbd: JSONValue?
    /// Carried; the agent refuses it.
    public var cephfs: JSONValue?
    /// Carried; the agent refuses it.
    public var glusterfs: JSONValue?
    /// Carried; the agent refuses it.
    public var flexVolume: JSONValue?
    /// Carried; the agent refuses it.
    public var gitRepo: JSONValue?
    /// Carried; the agent refuses it.
    public var awsElasticBlockStore: JSONValue?
    /// Carried; the agent refuses it.
    public var azureDisk: JSONValue?
    /// Carried; the agent refuses it.
    public var azureFile: JSONValue?
    /// Carried; the agent refuses it.
    public var cinder: JSONValue?
    /// Carried; the agent refuses it.
    public var flocker: JSONValue?
    /// Carried; the agent refuses it.
    public var gcePersistentDisk: JSONValue?
    /// Carried; the agent refuses it.
    public var photonPersistentDisk: JSONValue?
    /// Carried; the agent refuses it.
    public var portworxVolume: JSONValue?
    /// Carried; the agent refuses it.
    public var quobyte: JSONValue?
    /// Carried; the agent refuses it.
    public var scaleIO: JSONValue?
    /// Carried; the agent refuses it.
    public var storageos: JSONValue?
    /// Carried; the agent refuses it.
    public var vsphereVolume: JSONValue?

    public init(
        name: String, configMap: ConfigMapVolumeSource? = nil, secret: SecretVolumeSource? = nil,
        emptyDir: EmptyDirVolumeSource? = nil, hostPath: HostPathVolumeSource? = nil,
        downwardAPI: DownwardAPIVolumeSource? = nil, projected: JSONValue? = nil,
        persistentVolumeClaim: JSONValue? = nil, ephemeral: JSONValue? = nil, nfs: JSONValue? = nil,
        csi: JSONValue? = nil, iscsi: JSONValue? = nil, image: JSONValue? = nil, fc: JSONValue? = nil,
        rbd: JSONValue? = nil, cephfs: JSONValue? = nil, glusterfs: JSONValue? = nil, flexVolume: JSONValue? = nil,
        gitRepo: JSONValue? = nil, awsElasticBlockStore: JSONValue? = nil, azureDisk: JSONValue? = nil,
        azureFile: JSONValue? = nil, cinder: JSONValue? = nil, flocker: JSONValue? = nil,
        gcePersistentDisk: JSONValue? = nil, photonPersistentDisk: JSONValue? = nil, portworxVolume: JSONValue? = nil,
        quobyte: JSONValue? = nil, scaleIO: JSONValue? = nil, storageos: JSONValue? = nil,
        vsphereVolume: JSONValue? = nil
    ) {
        self.name = name
        self.configMap = configMap
        self.secret = secret
        self.emptyDir = emptyDir
        self.hostPath = hostPath
        self.downwardAPI = downwardAPI
        self.projected = projected
        self.persistentVolumeClaim = persistentVolumeClaim
        self.ephemeral = ephemeral
        self.nfs = nfs
        self.csi = csi
        self.iscsi = iscsi
        self.image = image
        self.fc = fc
        self.rbd = rbd
        self.cephfs = cephfs
        self.glusterfs = glusterfs
        self.flexVolume = flexVolume
        self.gitRepo = gitRepo
        self.awsElasticBlockStore = awsElasticBlockStore
        self.azureDisk = azureDisk
        self.azureFile = azureFile
        self.cinder = cinder
        self.flocker = flocker
        self.gcePersistentDisk = gcePersistentDisk
        self.photonPersistentDisk = photonPersistentDisk
        self.portworxVolume = portworxVolume
        self.quobyte = quobyte
        self.scaleIO = scaleIO
        self.storageos = storageos
        self.vsphereVolume = vsphereVolume
    }
}

/// Keys of a ConfigMap as files.
public struct ConfigMapVolumeSource: Codable, Hashable, Sendable {
    /// Name of the ConfigMap.
    public var name: String?
    /// Only these keys; all when absent.
    public var items: [KeyToPath]?
    /// Permissions of the files.
    public var defaultMode: Int?
    /// Whether it may be missing.
    public var optional: Bool?

    public init(
        name: String? = nil, items: [KeyToPath]? = nil, defaultMode: Int? = nil, optional: Bool? = nil
    ) {
        self.name = name
        self.items = items
        self.defaultMode = defaultMode
        self.optional = optional
    }
}

/// Keys of a Secret as files.
public struct SecretVolumeSource: Codable, Hashable, Sendable {
    /// Name of the Secret.
    public var secretName: String?
    /// Only these keys; all when absent.
    public var items: [KeyToPath]?
    /// Permissions of the files.
    public var defaultMode: Int?
    /// Whether it may be missing.
    public var optional: Bool?

    public init(
        secretName: String? = nil, items: [KeyToPath]? = nil, defaultMode: Int? = nil, optional: Bool? = nil
    ) {
        self.secretName = secretName
        self.items = items
        self.defaultMode = defaultMode
        self.optional = optional
    }
}

/// A key and its file.
public struct KeyToPath: Codable, Hashable, Sendable {
    /// The key.
    public var key: String
    /// Relative path, without `..`.
    public var path: String
    /// Permissions of the file.
    public var mode: Int?

    public init(
        key: String, path: String, mode: Int? = nil
    ) {
        self.key = key
        self.path = path
        self.mode = mode
    }
}

/// An empty directory.
public struct EmptyDirVolumeSource: Codable, Hashable, Sendable {
    /// Empty for the disk, `Memory` for tmpfs.
    public var medium: String?
    /// At most this many bytes.
    public var sizeLimit: Quantity?

    public init(
        medium: String? = nil, sizeLimit: Quantity? = nil
    ) {
        self.medium = medium
        self.sizeLimit = sizeLimit
    }
}

/// A path of the machine.
public struct HostPathVolumeSource: Codable, Hashable, Sendable {
    /// Absolute path.
    public var path: String
    /// What must be there: ``, `Directory`, `DirectoryOrCreate`, `File`, `FileOrCreate`, `Socket`, `CharDevice`, `BlockDevice`.
    public var type: String?

    public init(
        path: String, type: String? = nil
    ) {
        self.path = path
        self.type = type
    }
}

/// Fields of the pod as files.
public struct DownwardAPIVolumeSource: Codable, Hashable, Sendable {
    /// The files.
    public var items: [DownwardAPIVolumeFile]?
    /// Permissions of the files.
    public var defaultMode: Int?

    public init(
        items: [DownwardAPIVolumeFile]? = nil, defaultMode: Int? = nil
    ) {
        self.items = items
        self.defaultMode = defaultMode
    }
}

/// A field of the pod as a file.
public struct DownwardAPIVolumeFile: Codable, Hashable, Sendable {
    /// Relative path.
    public var path: String
    /// A field of the pod.
    public var fieldRef: ObjectFieldSelector?
    /// A limit or request of a container.
    public var resourceFieldRef: ResourceFieldSelector?
    /// Permissions of the file.
    public var mode: Int?

    public init(
        path: String, fieldRef: ObjectFieldSelector? = nil, resourceFieldRef: ResourceFieldSelector? = nil,
        mode: Int? = nil
    ) {
        self.path = path
        self.fieldRef = fieldRef
        self.resourceFieldRef = resourceFieldRef
        self.mode = mode
    }
}

/// Where a volume appears in a container.
public struct VolumeMount: Codable, Hashable, Sendable {
    /// Name of the volume.
    public var name: String
    /// Whether it cannot be written.
    public var readOnly: Bool?
    /// With readOnly, for what is mounted below the volume, too: `Enabled`, `IfPossible` (the same here) or `Disabled`.
    public var recursiveReadOnly: String?
    /// Path in the container.
    public var mountPath: String
    /// Path within the volume.
    public var subPath: String?
    /// Which way later mounts pass: `None`, `HostToContainer`, or `Bidirectional` (privileged containers).
    public var mountPropagation: String?
    /// As subPath, with `$(NAME)` expanded.
    public var subPathExpr: String?

    public init(
        name: String, readOnly: Bool? = nil, recursiveReadOnly: String? = nil, mountPath: String,
        subPath: String? = nil, mountPropagation: String? = nil, subPathExpr: String? = nil
    ) {
        self.name = name
        self.readOnly = readOnly
        self.recursiveReadOnly = recursiveReadOnly
        self.mountPath = mountPath
        self.subPath = subPath
        self.mountPropagation = mountPropagation
        self.subPathExpr = subPathExpr
    }
}
