import ArgumentParser
import DeviceLink
import FleetProtocol
import Linux

/// `wherry join LINE`
struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Enrol this device at a hub, with a line from `wherry token create` there.")

    @Argument(help: "The line.")
    var line: String
    @Option(name: .customLong("data-dir"), help: "The data directory of the device's agent.")
    var data = "/var/lib/wherry"
    @Option(name: .customLong("node-name"), help: "The device's name in the fleet; the host's name without this.")
    var nodeName: String?

    func run() async throws {
        let data = try DaemonDirectories.absolute(data)
        try Files.makeDirectories(data, mode: 0o700)
        let joined = try await Enrolment.join(line: line, dataDirectory: data, device: nodeName ?? NodeName.ofHost())
        print("joined the fleet at \(joined.hub) as \(joined.device)")
    }
}

/// How a device is called when nobody says.
enum NodeName {
    /// The host's name, in the letters a device may have.
    static func ofHost() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "device" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let letters = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        let trimmed = String(letters.prefix(40)).drop { $0 == "-" }
        let ending = String(trimmed.reversed().drop { $0 == "-" }.reversed())
        return ending.isEmpty ? "device" : ending
    }
}

/// The name by which a device is enrolled.
enum EnrolledName {
    /// Nil when the device is not enrolled.
    static func of(_ dataDirectory: String) throws -> String? {
        guard DeviceIdentity.isPresent(in: dataDirectory) else { return nil }
        return try DeviceIdentity.load(from: dataDirectory).device.text
    }
}
