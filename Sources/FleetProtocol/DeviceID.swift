/// A device's name: certificate common name, MQTT client id and topic level at once.
///
/// `[a-z0-9-]{1,40}`: a `/`, `+` or `#` would widen the broker's `%u` access patterns.
public struct DeviceID: Hashable, Sendable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    public init(_ text: String) throws(FleetError) {
        guard DeviceID.isValid(text) else {
            throw FleetError(
                .invalidTopic, "\"\(text.prefix(60))\" is not a device name: use 1 to 40 of a-z, 0-9 and '-'")
        }
        self.text = text
    }

    public static func isValid(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
    }
}
