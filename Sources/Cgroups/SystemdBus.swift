import Linux

/// A direct connection to systemd's manager, which speaks D-Bus on a socket of its own: there need be no bus.
///
/// As much of the protocol as calls of its methods need (D-Bus specification 0.41): little-endian messages, few types.
struct SystemdBus: ~Copyable {
    /// An argument of a call.
    enum Value {
        case string(String)
        case boolean(Bool)
        case number(UInt64)
        case bytes([UInt8])
        case processes([pid_t])
        /// `a(sv)`.
        case properties([(String, Value)])
        /// `a(sa(sv))`, without elements: further units to make.
        case noUnits

        var signature: String {
            switch self {
            case .string: "s"
            case .boolean: "b"
            case .number: "t"
            case .bytes: "ay"
            case .processes: "au"
            case .properties: "a(sv)"
            case .noUnits: "a(sa(sv))"
            }
        }
    }

    private static let path = "/run/systemd/private"
    private let descriptor: FileDescriptor
    private var serial: UInt32 = 0
    /// Results of jobs by their paths, as far as they were told while an answer was awaited.
    private var results: [String: String] = [:]

    /// For root.
    init() throws(CgroupError) {
        do throws(SystemError) {
            descriptor = try Self.open()
        } catch {
            throw CgroupError(
                .refused,
                "cannot talk to systemd: \(error); use cgroupfs (\"native.cgroupdriver=cgroupfs\") without it",
                errno: error.errno.rawValue, cause: error)
        }
    }

    private static func open() throws(SystemError) -> FileDescriptor {
        let descriptor = FileDescriptor(
            adopting: try systemCall("connect", on: path) { wherry_connect_unix(path) })
        // systemd answers at once; one that hangs must not hang its callers.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        try systemCall("setsockopt") {
            setsockopt(
                descriptor.rawValue, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        let user = String(geteuid()).utf8.map { "3\($0 - 0x30)" }.joined()
        try descriptor.writeAll([0] + Array("AUTH EXTERNAL \(user)\r\n".utf8))
        guard try readLine(descriptor.rawValue).hasPrefix("OK ") else {
            throw SystemError(call: "AUTH", errno: .accessDenied, subject: path)
        }
        try descriptor.writeAll(Array("BEGIN\r\n".utf8))
        return descriptor
    }

    /// Starts a transient unit, and waits until that is done.
    mutating func start(_ arguments: [Value], unit: String) throws(CgroupError) {
        let answer = try call("StartTransientUnit", arguments, about: unit)
        var reader = Reader(bytes: answer.body)
        let job = reader.string()
        while results[job] == nil { note(try receive(about: unit)) }
        guard let result = results[job], result != "done" else { return }
        throw CgroupError(.refused, "systemd could not start \(unit): the job's result is \(result)")
    }

    private mutating func note(_ message: Message) {
        guard message.kind == 4, message.member == "JobRemoved" else { return }
        var reader = Reader(bytes: message.body)
        _ = reader.word()
        let job = reader.string()
        _ = reader.string()
        results[job] = reader.string()
    }

    /// Calls a method of the manager.
    @discardableResult
    mutating func call(_ method: String, _ arguments: [Value], about unit: String) throws(CgroupError) -> Message {
        serial += 1
        var body = Writer()
        for argument in arguments { body.append(argument) }
        var fields = Writer()
        for (code, type, text) in [
            (1, "o", "/org/freedesktop/systemd1"), (2, "s", "org.freedesktop.systemd1.Manager"), (3, "s", method),
            (6, "s", "org.freedesktop.systemd1"), (8, "g", arguments.map(\.signature).joined()),
        ] as [(UInt8, String, String)] {
            fields.align(8)
            fields.bytes.append(code)
            fields.append(signature: type)
            if type == "g" { fields.append(signature: text) } else { fields.append(string: text) }
        }
        var message = Writer()
        message.bytes = [UInt8(ascii: "l"), 1, 0, 1]  // a method call
        message.append(word: UInt32(body.bytes.count))
        message.append(word: serial)
        message.append(word: UInt32(fields.bytes.count))
        message.bytes += fields.bytes
        message.align(8)
        do throws(SystemError) {
            try descriptor.writeAll(message.bytes + body.bytes)
        } catch {
            throw CgroupError(.refused, "cannot talk to systemd: \(error)", errno: error.errno.rawValue, cause: error)
        }
        while true {
            let message = try receive(about: unit)
            guard message.replyTo == serial else {
                note(message)
                continue
            }
            guard message.kind == 2 else {
                var reader = Reader(bytes: message.body)
                throw CgroupError(
                    message.error == "org.freedesktop.systemd1.NoSuchUnit" ? .notFound : .refused,
                    "systemd refused to \(method) \(unit): \(reader.string())")
            }
            return message
        }
    }

    // MARK: - Messages

    struct Message {
        /// 1 a call, 2 an answer, 3 an error, 4 a signal.
        var kind: UInt8
        var replyTo: UInt32 = 0
        var member = ""
        var error = ""
        var body: [UInt8] = []
    }

    private func receive(about unit: String) throws(CgroupError) -> Message {
        do throws(SystemError) {
            let head = try Self.read(descriptor.rawValue, 16)
            var reader = Reader(bytes: head)
            reader.offset = 4
            let bodyCount = Int(reader.word())
            reader.offset = 12
            let fieldsCount = Int(reader.word())
            guard head[0] == UInt8(ascii: "l"), bodyCount <= 1 << 20, fieldsCount <= 1 << 16 else {
                throw SystemError(call: "read", errno: .invalid, subject: "D-Bus message")
            }
            let fields = try Self.read(descriptor.rawValue, (fieldsCount + 7) & ~7)
            var message = Message(kind: head[1])
            reader = Reader(bytes: Array(fields.prefix(fieldsCount)))
            while reader.offset < fieldsCount {
                reader.align(8)
                let code = reader.byte()
                switch (code, reader.signature()) {
                case (5, _): message.replyTo = reader.word()
                case (3, _): message.member = reader.string()
                case (4, _): message.error = reader.string()
                case (_, "g"): _ = reader.signature()
                case (_, "u"): _ = reader.word()
                default: _ = reader.string()
                }
            }
            message.body = try Self.read(descriptor.rawValue, bodyCount)
            return message
        } catch {
            throw CgroupError(
                error.errno == .again ? .timedOut : .refused, "systemd gave no answer about \(unit): \(error)",
                errno: error.errno.rawValue, cause: error)
        }
    }

    private static func read(_ descriptor: Int32, _ count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var have = 0
        while have < count {
            let more = try systemCall("recv", on: path) {
                bytes.withUnsafeMutableBytes { buffer in
                    buffer.baseAddress.map { recv(descriptor, $0 + have, count - have, 0) } ?? 0
                }
            }
            guard more > 0 else { throw SystemError(call: "recv", errno: Errno(rawValue: ECONNRESET), subject: path) }
            have += more
        }
        return bytes
    }

    private static func readLine(_ descriptor: Int32) throws(SystemError) -> String {
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n"), line.count < 256 { line += try read(descriptor, 1) }
        return String(decoding: line, as: UTF8.self)
    }

    /// Marshals: every value lies at a multiple of its own alignment.
    private struct Writer {
        var bytes: [UInt8] = []

        mutating func align(_ alignment: Int) {
            while !bytes.count.isMultiple(of: alignment) { bytes.append(0) }
        }

        mutating func append(word: UInt32) {
            align(4)
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }

        mutating func append(string: String) {
            append(word: UInt32(string.utf8.count))
            bytes += Array(string.utf8) + [0]
        }

        mutating func append(signature: String) {
            bytes += [UInt8(signature.utf8.count)] + Array(signature.utf8) + [0]
        }

        mutating func append(_ value: Value) {
            switch value {
            case .string(let text): append(string: text)
            case .boolean(let flag): append(word: flag ? 1 : 0)
            case .number(let number):
                align(8)
                bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
            case .bytes(let content):
                append(word: UInt32(content.count))
                bytes += content
            case .processes(let processes):
                append(word: UInt32(4 * processes.count))
                for process in processes { append(word: UInt32(bitPattern: process)) }
            case .properties(let properties):
                appendArray { writer in
                    for (name, value) in properties {
                        writer.align(8)
                        writer.append(string: name)
                        writer.append(signature: value.signature)
                        writer.append(value)
                    }
                }
            case .noUnits: appendArray { _ in }
            }
        }

        /// Of structures. Its length counts neither itself nor the padding before the first one.
        private mutating func appendArray(_ body: (inout Writer) -> Void) {
            append(word: 0)
            let place = bytes.count - 4
            align(8)
            let start = bytes.count
            body(&self)
            let length = UInt32(bytes.count - start)
            for index in 0..<4 { bytes[place + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
        }
    }

    /// Unmarshals; what is missing reads as nothing.
    private struct Reader {
        let bytes: [UInt8]
        var offset = 0

        mutating func align(_ alignment: Int) { offset = (offset + alignment - 1) / alignment * alignment }

        mutating func byte() -> UInt8 {
            defer { offset += 1 }
            return offset < bytes.count ? bytes[offset] : 0
        }

        mutating func word() -> UInt32 {
            align(4)
            return (0..<4).reduce(0) { word, index in word | UInt32(byte()) << (8 * index) }
        }

        mutating func string() -> String { text(Int(word())) }

        mutating func signature() -> String { text(Int(byte())) }

        private mutating func text(_ count: Int) -> String {
            defer { offset += count + 1 }
            guard offset + count <= bytes.count else { return "" }
            return String(decoding: bytes[offset..<(offset + count)], as: UTF8.self)
        }
    }
}
