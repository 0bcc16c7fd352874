/// Bounds on what one layer or archive may ask of this machine; going over one refuses it as a whole.
public struct UnpackLimits: Sendable, Hashable {
    /// Uncompressed bytes, holes of sparse files included.
    public var bytes: Int64
    public var entries: Int
    /// Uncompressed size by compressed size, looked at once ``ratioFloor`` bytes were read.
    public var ratio: Int64
    public var ratioFloor: Int64
    /// Bytes of an entry's path and of a link's target.
    public var pathLength: Int
    public var extendedAttributes: Int
    /// Bytes that stay free on the file system.
    public var reservedBytes: Int64
    public var devices: DevicePolicy

    /// What happens with device nodes in a layer.
    public enum DevicePolicy: Sendable, Hashable {
        /// The layer is refused.
        case refuse
        /// The entry is left out.
        case skip
    }

    public init(
        bytes: Int64 = 16 << 30, entries: Int = 1_000_000, ratio: Int64 = 250, ratioFloor: Int64 = 64 << 20,
        pathLength: Int = 4095, extendedAttributes: Int = 64, reservedBytes: Int64 = 32 << 20,
        devices: DevicePolicy = .refuse
    ) {
        self.bytes = bytes
        self.entries = entries
        self.ratio = ratio
        self.ratioFloor = ratioFloor
        self.pathLength = pathLength
        self.extendedAttributes = extendedAttributes
        self.reservedBytes = reservedBytes
        self.devices = devices
    }
}
