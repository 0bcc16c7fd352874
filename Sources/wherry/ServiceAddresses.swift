import ArgumentParser
import Resources

/// The value of `--service-cidr`.
struct ServiceAddresses: ExpressibleByArgument {
    /// Also the default of other small clusters; it rarely is in use elsewhere.
    static let usual = ServiceAddresses(range: AddressRange("10.43.0.0/16"), text: "10.43.0.0/16")

    let range: AddressRange?
    private let text: String

    private init(range: AddressRange?, text: String) {
        self.range = range
        self.text = text
    }

    init?(argument: String) {
        guard let range = AddressRange(argument) else { return nil }
        self.init(range: range, text: argument)
    }

    var defaultValueDescription: String { text }
}
