internal import CArchive

/// How an image store treats the disk it lives on.
public struct StoreSettings: Sendable, Hashable {
    /// Keeps the compressed blob of a layer after unpacking. Without it a layer is given back from its directory and index;
    /// with it damage is mended without a registry, at the price of the blob's size.
    public var keepsBlobs = false
    /// Use of the file system, in percent, from which images that nothing needs are removed.
    public var highWaterPercent = 85
    /// Use of the file system at which that ends.
    public var lowWaterPercent = 80
    /// An image stays at least this long after it came or was used.
    public var minimumAge = Duration.seconds(120)
    /// Bytes left for logs and volumes when a pull is admitted.
    public var logReserveBytes: Int64 = 16 << 20
    /// Unpacked size by compressed size of a layer, as it is guessed before a pull.
    public var unpackRatio: Int64 = 3
    /// The reserve file takes one percent of the file system, within these bounds; nil for no reserve.
    public var reserveBytes: ClosedRange<Int64>? = (8 << 20)...(64 << 20)
    /// Free bytes below which the reserve is given up, so that databases can be written.
    public var criticalBytes: Int64 = 2 << 20
    /// How long an image that was read and found right is started without reading it again; nil never reads one for a start.
    public var contentPeriod: Duration? = .seconds(24 * 3600)
    /// Bytes a second that the check in idle time may read.
    public var checkRate: Int64 = 4 << 20
    /// From the end of a check of the whole store to the next.
    public var checkPeriod = Duration.seconds(7 * 24 * 3600)

    public init() {}

    /// What suits a directory: a file system in memory gets no reserve, which would only take memory.
    public init(for root: String) {
        if carchive_is_in_memory(root) != 0 { reserveBytes = nil }
    }
}
