/// One entry of the OCI `linux.resources.devices` list: a set of devices, and what may or may not be done with them.
public struct DeviceRule: Sendable, Hashable {
    public enum Kind: String, Sendable { case all = "a", character = "c", block = "b" }
    public var isAllowed: Bool
    public var kind: Kind
    /// Major and minor number; nil is any.
    public var major: UInt32?
    public var minor: UInt32?
    /// A subset of "rwm": read, write, mknod.
    public var access: String

    public init(
        isAllowed: Bool = true, kind: Kind, major: UInt32? = nil, minor: UInt32? = nil, access: String = "rwm"
    ) {
        self.isAllowed = isAllowed
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// What every container may use (OCI runtime specification, default devices): making any node, and using null,
    /// zero, full, random, urandom, tty, console, ptmx and pts.
    public static let containerDefaults: [DeviceRule] = [
        DeviceRule(kind: .character, access: "m"), DeviceRule(kind: .block, access: "m"),
        DeviceRule(kind: .character, major: 1, minor: 3), DeviceRule(kind: .character, major: 1, minor: 5),
        DeviceRule(kind: .character, major: 1, minor: 7), DeviceRule(kind: .character, major: 1, minor: 8),
        DeviceRule(kind: .character, major: 1, minor: 9), DeviceRule(kind: .character, major: 5, minor: 0),
        DeviceRule(kind: .character, major: 5, minor: 1), DeviceRule(kind: .character, major: 5, minor: 2),
        DeviceRule(kind: .character, major: 136),
    ]

    /// Every access to every device: such a rule makes those before it void.
    var isTotal: Bool { kind == .all && major == nil && minor == nil && accessBits == DeviceAccess.all }

    var accessBits: DeviceAccess {
        access.utf8.reduce(into: []) { bits, letter in
            switch letter {
            case UInt8(ascii: "m"): bits.insert(.make)
            case UInt8(ascii: "r"): bits.insert(.read)
            case UInt8(ascii: "w"): bits.insert(.write)
            default: break
            }
        }
    }
}

/// The kernel's bits for access to a device (uapi/linux/bpf.h, `BPF_DEVCG_ACC_`).
struct DeviceAccess: OptionSet, Hashable {
    let rawValue: UInt8
    static let make = DeviceAccess(rawValue: 1)
    static let read = DeviceAccess(rawValue: 2)
    static let write = DeviceAccess(rawValue: 4)
    static let all: DeviceAccess = [.make, .read, .write]

    /// As v1's control files take it.
    var letters: String {
        (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.make) ? "m" : "")
    }
}
