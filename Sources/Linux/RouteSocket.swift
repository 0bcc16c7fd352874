/// Network interfaces and their addresses, by rtnetlink(7): requests to the kernel about one network namespace.
public struct RouteSocket: ~Copyable {
    /// An address of an interface, to be given to another one.
    public struct Address: Sendable, Equatable {
        let family: UInt8
        let prefixLength: UInt8
        /// The address, its peer and the broadcast address, each a whole attribute.
        let attributes: [UInt8]
    }

    private let descriptor: FileDescriptor
    private var sequence: UInt32 = 0

    /// Of the caller's network namespace.
    public init() throws(SystemError) {
        descriptor = FileDescriptor(adopting: try Self.open())
    }

    /// Of the network namespace that `namespace` is open on. For a caller with one thread, which is there for a moment.
    public init(in namespace: Int32) throws(SystemError) {
        let own = try FileDescriptor.open("/proc/self/ns/net", O_RDONLY)
        try Self.enter(namespace)
        let opened = Result { () throws(SystemError) in try Self.open() }
        try Self.enter(own.rawValue)
        descriptor = FileDescriptor(adopting: try opened.get())
    }

    private static func enter(_ namespace: Int32) throws(SystemError) {
        try systemCall("setns", on: "a network namespace") { wherry_setns(namespace, Int32(WHERRY_CLONE_NEWNET)) }
    }

    private static func open() throws(SystemError) -> Int32 {
        try systemCall("socket", on: "rtnetlink") {
            socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)  // NETLINK_ROUTE
        }
    }

    // MARK: - Requests

    /// The number of the interface with this name.
    public mutating func index(of name: String) throws(SystemError) -> Int32 {
        let link = Self.link(0) + Self.attribute(Attribute.name, Self.text(name))
        let answers = try request(Kind.getLink, Flag.acknowledge, link, on: name)
        guard let body = answers.first(where: { $0.kind == Kind.newLink })?.body, body.count >= 16 else {
            throw SystemError(call: "rtnetlink", errno: Errno(rawValue: ENODEV), subject: name)
        }
        return Int32(bitPattern: Self.word(body, at: 4))
    }

    /// Moves an interface, which goes down by that, into another network namespace under a name there.
    public mutating func move(_ index: Int32, to namespace: Int32, as name: String) throws(SystemError) {
        let link =
            Self.link(index) + Self.attribute(Attribute.namespace, Self.bytes(UInt32(namespace)))
            + Self.attribute(Attribute.name, Self.text(name))
        _ = try request(Kind.newLink, Flag.acknowledge, link, on: name)
    }

    public mutating func bringUp(_ index: Int32) throws(SystemError) {
        _ = try request(Kind.newLink, Flag.acknowledge, Self.link(index, flags: 1), on: "interface \(index)")  // IFF_UP
    }

    /// The addresses that an administrator has given an interface, of global scope: not those of the link, nor learnt ones.
    public mutating func addresses(of index: Int32) throws(SystemError) -> [Address] {
        let answers = try request(Kind.getAddress, Flag.dump, [0, 0, 0, 0, 0, 0, 0, 0], on: "addresses")
        return answers.compactMap { answer -> Address? in
            let body = answer.body
            guard answer.kind == Kind.newAddress, body.count >= 8, Self.word(body, at: 4) == UInt32(bitPattern: index)
            else { return nil }
            var flags = UInt32(body[2])
            var attributes: [UInt8] = []
            var isOfTheLink = body[3] != 0  // RT_SCOPE_UNIVERSE
            Self.forEachAttribute(body[8...]) { kind, value in
                switch kind {
                case Attribute.flags: flags = Self.word(Array(value), at: 0)
                case Attribute.address, Attribute.local, Attribute.broadcast:
                    attributes += Self.attribute(kind, Array(value))
                default: break
                }
            }
            if flags & 0x80 == 0 { isOfTheLink = true }  // IFA_F_PERMANENT
            return isOfTheLink ? nil : Address(family: body[0], prefixLength: body[1], attributes: attributes)
        }
    }

    public mutating func add(_ address: Address, to index: Int32) throws(SystemError) {
        let header = [address.family, address.prefixLength, 0, 0] + Self.bytes(UInt32(bitPattern: index))
        _ = try request(
            Kind.newAddress, Flag.acknowledge | Flag.create, header + address.attributes, on: "interface \(index)")
    }

    // MARK: - Messages

    private enum Kind {
        static let error: UInt16 = 2
        static let done: UInt16 = 3
        static let newLink: UInt16 = 16
        static let getLink: UInt16 = 18
        static let newAddress: UInt16 = 20
        static let getAddress: UInt16 = 22
    }

    /// All with NLM_F_REQUEST.
    private enum Flag {
        static let acknowledge: UInt16 = 0x5
        static let dump: UInt16 = 0x301
        static let create: UInt16 = 0x600  // and exclusively
    }

    private enum Attribute {
        // Of a link.
        static let name: UInt16 = 3
        static let namespace: UInt16 = 28
        // Of an address.
        static let address: UInt16 = 1
        static let local: UInt16 = 2
        static let broadcast: UInt16 = 4
        static let flags: UInt16 = 8
    }

    private struct Message {
        let kind: UInt16
        let body: [UInt8]
    }

    /// Sends one request and reads its answers up to the acknowledgement or the end of the dump.
    private mutating func request(
        _ kind: UInt16, _ flags: UInt16, _ body: [UInt8], on subject: String
    ) throws(SystemError) -> [Message] {
        sequence += 1
        let message =
            Self.bytes(UInt32(16 + body.count)) + Self.bytes(kind) + Self.bytes(flags) + Self.bytes(sequence)
            + Self.bytes(0 as UInt32) + body
        let socket = descriptor.rawValue
        try systemCall("send", on: "rtnetlink") { send(socket, message, message.count, 0) }
        var answers: [Message] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try systemCall("recv", on: "rtnetlink") { recv(socket, &buffer, buffer.count, 0) }
            var rest = buffer[..<count]
            while rest.count >= 16 {
                let length = Int(Self.word(Array(rest.prefix(4)), at: 0))
                guard length >= 16, length <= rest.count else { break }
                let header = Array(rest.prefix(16))
                let body = Array(rest.dropFirst(16).prefix(length - 16))
                rest = rest.dropFirst((length + 3) & ~3)
                guard Self.word(header, at: 8) == sequence else { continue }  // left over from an earlier request
                let kind = UInt16(header[4]) | UInt16(header[5]) << 8
                if kind == Kind.done { return answers }
                if kind == Kind.error {
                    let error = body.count >= 4 ? Int32(bitPattern: Self.word(body, at: 0)) : 0
                    guard error == 0 else {
                        throw SystemError(call: "rtnetlink", errno: Errno(rawValue: -error), subject: subject)
                    }
                    return answers
                }
                answers.append(Message(kind: kind, body: body))
            }
        }
    }

    /// struct ifinfomsg.
    private static func link(_ index: Int32, flags: UInt32 = 0) -> [UInt8] {
        [0, 0, 0, 0] + bytes(UInt32(bitPattern: index)) + bytes(flags) + bytes(flags)
    }

    private static func attribute(_ kind: UInt16, _ value: [UInt8]) -> [UInt8] {
        let padding = [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
        return bytes(UInt16(4 + value.count)) + bytes(kind) + value + padding
    }

    private static func forEachAttribute(_ bytes: ArraySlice<UInt8>, _ body: (UInt16, ArraySlice<UInt8>) -> Void) {
        var rest = bytes
        while rest.count >= 4 {
            let header = Array(rest.prefix(4))
            let length = Int(UInt16(header[0]) | UInt16(header[1]) << 8)
            guard length >= 4, length <= rest.count else { return }
            body(UInt16(header[2]) | UInt16(header[3]) << 8, rest.dropFirst(4).prefix(length - 4))
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

    // Netlink speaks the machine's byte order; all that we build for have the low byte first.
    private static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value & 0xff), UInt8(value >> 8)] }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func word(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        guard bytes.count >= offset + 4 else { return 0 }
        return bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
