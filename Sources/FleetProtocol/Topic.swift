/// A topic of the fleet's tree (protocol A2), built and parsed in one place.
public enum Topic: Hashable, Sendable {
    /// From a device to the hub.
    public enum Up: String, Sendable, CaseIterable {
        case hello, bye
        case ack
        case report = "rep"
        case events = "ev"
        case request = "req"
    }
    /// From the hub to a device.
    public enum Down: String, Sendable, CaseIterable {
        case head
        case document = "doc"
        case ack
        case command = "cmd"
        case block = "blk"
    }

    case up(DeviceID, Up)
    case down(DeviceID, Down)
    case hubState

    private static let root = "wh/1"

    /// The topic as it goes on the wire.
    public var string: String {
        switch self {
        case .up(let device, let leaf): "\(Topic.root)/d/\(device)/up/\(leaf.rawValue)"
        case .down(let device, let leaf): "\(Topic.root)/d/\(device)/dn/\(leaf.rawValue)"
        case .hubState: "\(Topic.root)/hub/state"
        }
    }

    /// Throws `invalidTopic` for everything outside the tree, a bad device id included.
    public init(parsing text: String) throws(FleetError) {
        let levels = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if levels == ["wh", "1", "hub", "state"] {
            self = .hubState
            return
        }
        guard levels.count == 6, levels[0...2] == ["wh", "1", "d"] else { throw Topic.outside(text) }
        let device = try DeviceID(levels[3])
        if levels[4] == "up", let leaf = Up(rawValue: levels[5]) {
            self = .up(device, leaf)
        } else if levels[4] == "dn", let leaf = Down(rawValue: levels[5]) {
            self = .down(device, leaf)
        } else {
            throw Topic.outside(text)
        }
    }

    /// What a device subscribes to, with `hubState`.
    public static func downFilter(_ device: DeviceID) -> String { "\(root)/d/\(device)/dn/+" }
    /// What a hub subscribes to. With `group` it is a shared subscription, which not every broker has.
    public static func upFilter(group: String? = nil) -> String {
        group.map { "$share/\($0)/" + "\(root)/d/+/up/+" } ?? "\(root)/d/+/up/+"
    }

    private static func outside(_ text: String) -> FleetError {
        FleetError(.invalidTopic, "topic \"\(text.prefix(120))\" is not part of the fleet protocol")
    }
}
