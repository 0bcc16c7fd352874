/// Every size that the fleet protocol bounds, in bytes unless said otherwise.
public enum FleetLimits {
    /// A whole envelope on any topic.
    public static let envelope = 128 << 10
    /// A signed head; kept small because it is retained by the broker.
    public static let head = 4 << 10
    /// One message of a document; a larger document goes in several.
    public static let documentPart = 96 << 10
    /// A whole document. The blob path of a later issue lifts this.
    public static let document = 1 << 20
    /// The signed manifest of a bundle, in its envelope.
    public static let bundleManifest = 4 << 20
    /// The entries of one report message.
    public static let reportPart = 96 << 10
    /// The bytes of one command reply, before base64.
    public static let replyChunk = 32 << 10
    /// MQTT's Maximum Packet Size, both ways.
    public static let packet = 160 << 10
    /// Nesting of heads and control envelopes.
    public static let controlDepth = 8
    /// Nesting where Kubernetes objects are carried: what the API takes, and the envelope.
    public static let objectDepth = 68
}
