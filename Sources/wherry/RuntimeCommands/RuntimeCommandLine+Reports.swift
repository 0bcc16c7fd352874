import Cgroups
import ContainerRuntime
import JSON
import Linux
import OCI

extension RuntimeCommandLine {
    func state(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let id = try identifier(RuntimeArguments(&rest, RuntimeArguments.Grammar()))
        print(String(decoding: try report(id).serialized(pretty: true), as: UTF8.self))
        return 0
    }

    /// The OCI state and what runc adds to it.
    private func report(_ id: String) throws -> JSONValue {
        let state = try runtime.state(id)
        var report = try runtime.ociState(id).json
        report["pid"] = .integer(Int64(state.pid))
        report["created"] = .string(state.createdAt)
        report["owner"] = ""
        if let root = try? runtime.spec(of: id).root?.path {
            report["rootfs"] = .string(root.utf8.first == UInt8(ascii: "/") ? root : "\(state.bundle)/\(root)")
        }
        return report
    }

    func list(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(
            &rest, RuntimeArguments.Grammar(flags: [["quiet", "q"]], values: [["format", "f"]]))
        let identifiers = runtime.list()
        if arguments.has("quiet") {
            for id in identifiers { print(id) }
            return 0
        }
        // One that is deleted meanwhile is left out.
        let reports = identifiers.compactMap { try? report($0) }
        switch arguments["format"] ?? "table" {
        case "json":
            print(
                String(
                    decoding: reports.isEmpty ? JSONValue.null.serialized() : JSONValue.array(reports).serialized(),
                    as: UTF8.self))
        case "table":
            let rows = reports.map { report in
                ["id", "pid", "status", "bundle", "created", "owner"].map { name in
                    report[name]?.intValue.map { "\($0)" } ?? report[name]?.stringValue ?? ""
                }
            }
            Self.printTable([["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]] + rows)
        case let format: throw RuntimeArguments.UsageError(description: "--format is table or json, not \(format)")
        }
        return 0
    }

    static func printTable(_ rows: [[String]]) {
        guard let first = rows.first else { return }
        let widths = first.indices.map { column in max(12, (rows.map { $0[column].count }.max() ?? 0) + 1) }
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell + String(repeating: " ", count: max(0, widths[column] - cell.count))
            }
            while line.last == " " { line.removeLast() }
            print(line)
        }
    }

    func processes(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(
            &rest, RuntimeArguments.Grammar(values: [["format", "f"]], endsAtFirstWord: true))
        let id = try identifier(arguments)
        guard try runtime.state(id).status != .stopped else {
            throw RuntimeError(.invalidState, "container \(id) is not running")
        }
        let processes = try runtime.cgroup(of: id).processes().sorted()
        switch arguments["format"] ?? "table" {
        case "json":
            print(String(decoding: JSONValue.array(processes.map { .integer(Int64($0)) }).serialized(), as: UTF8.self))
        case "table":
            let rows = processes.compactMap { Self.row($0) }
            Self.printTable([["UID", "PID", "PPID", "STATE", "CMD"]] + rows)
        case let format: throw RuntimeArguments.UsageError(description: "--format is table or json, not \(format)")
        }
        return 0
    }

    private static func row(_ pid: pid_t) -> [String]? {
        guard let status = try? Files.read("/proc/\(pid)/status", limit: 16 << 10),
            let command = try? Files.read("/proc/\(pid)/cmdline", limit: 16 << 10)
        else { return nil }
        var fields: [String: String] = [:]
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            fields[String(parts[0])] = parts[1].split(whereSeparator: \.isWhitespace).first.map(String.init)
        }
        let words = command.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        return [
            fields["Uid"] ?? "?", "\(pid)", fields["PPid"] ?? "?", fields["State"] ?? "?",
            words.isEmpty ? "[\(fields["Name"] ?? "")]" : words,
        ]
    }

    func spec(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(
            &rest, RuntimeArguments.Grammar(flags: [["rootless"]], values: [["bundle", "b"]]))
        let path = try DaemonDirectories.absolute(arguments["bundle"] ?? ".") + "/config.json"
        guard !Files.exists(path) else { throw RuntimeError(.exists, "\(path) exists already: move it away first") }
        var spec = RuntimeSpec.example()
        if arguments.has("rootless") { spec.becomeRootless(uid: geteuid(), gid: getegid()) }
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        try file.writeAll(try spec.encoded().serialized(pretty: true))
        return 0
    }

    func features(_ rest: inout ArraySlice<String>) throws -> Int32 {
        _ = try RuntimeArguments(&rest, RuntimeArguments.Grammar())
        print(String(decoding: RuntimeFeatures.json.serialized(pretty: true), as: UTF8.self))
        return 0
    }
}
