/// Labels and annotations that Wherry sets itself or shares with Kubernetes.
public enum WherryLabels {
    /// Annotation: `hub` on objects that came in the hub's document; absent or `local` on the device's own.
    public static let owner = "wherry.dev/owner"
    public static let ownerHub = "hub"
    public static let ownerLocal = "local"
    /// The owner of objects that came in a bundle, before the bundle's name.
    public static let ownerBundlePrefix = "bundle/"
    /// Annotation: hash of the object in the hub's document, to see whether it changed.
    public static let hubHash = "wherry.dev/hub-hash"
    /// Annotation: the same of an object that came in a bundle.
    public static let bundleHash = "wherry.dev/bundle-hash"
    /// Label on mirrored objects at the hub: the device they came from.
    public static let device = "wherry.dev/device"

    public static let hostname = "kubernetes.io/hostname"
    public static let architecture = "kubernetes.io/arch"
    public static let operatingSystem = "kubernetes.io/os"
    public static let namespaceName = "kubernetes.io/metadata.name"
    public static let podTemplateHash = "pod-template-hash"
    public static let deploymentRevision = "deployment.kubernetes.io/revision"
    public static let desiredReplicas = "deployment.kubernetes.io/desired-replicas"
    public static let maxReplicas = "deployment.kubernetes.io/max-replicas"
    public static let changeCause = "kubernetes.io/change-cause"
    public static let lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
}
