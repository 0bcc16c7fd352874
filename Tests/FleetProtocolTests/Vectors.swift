import Glibc
import JSON

/// The files in Tests/FleetProtocolVectors.
enum Vectors {
    struct Missing: Error {
        let path: String
    }

    static func load(_ name: String) throws -> JSONValue {
        let directory = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "/\(directory)/FleetProtocolVectors/\(name)"
        guard let file = fopen(path, "r") else { throw Missing(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return try JSONValue(parsing: bytes)
    }
}
