import JSON
import Linux

// The files are written and read by hand: the monitor stays small without the machinery of Codable.

/// What `state.json` holds. Without a monitor its pid is 0.
struct MonitorRecord {
    var status: ContainerState.Status
    var pid: pid_t
    var startTime: UInt64?
    var monitorPid: pid_t
    var monitorStartTime: UInt64?
    var createdAt: String
    var startedAt: String?
    /// The bundle it was made from; nil for a specification of our own.
    var bundle: String?

    var json: JSONValue {
        var value: JSONValue = [
            "status": .string(status.rawValue), "pid": .integer(Int64(pid)), "monitorPid": .integer(Int64(monitorPid)),
            "createdAt": .string(createdAt),
        ]
        if let startTime { value["startTime"] = .integer(Int64(startTime)) }
        if let monitorStartTime { value["monitorStartTime"] = .integer(Int64(monitorStartTime)) }
        if let startedAt { value["startedAt"] = .string(startedAt) }
        if let bundle { value["bundle"] = .string(bundle) }
        return value
    }
}

extension MonitorRecord {
    init?(json: JSONValue) {
        guard let status = json["status"]?.stringValue.flatMap(ContainerState.Status.init(rawValue:)),
            let pid = json["pid"]?.intValue, let monitorPid = json["monitorPid"]?.intValue,
            let createdAt = json["createdAt"]?.stringValue
        else { return nil }
        self.init(
            status: status, pid: pid_t(clamping: pid),
            startTime: json["startTime"]?.intValue.map { UInt64(clamping: $0) },
            monitorPid: pid_t(clamping: monitorPid),
            monitorStartTime: json["monitorStartTime"]?.intValue.map { UInt64(clamping: $0) }, createdAt: createdAt,
            startedAt: json["startedAt"]?.stringValue, bundle: json["bundle"]?.stringValue)
    }
}

extension ContainerExit {
    var json: JSONValue {
        var value: JSONValue = [
            "code": .integer(Int64(code)), "oomKilled": .bool(oomKilled), "finishedAt": .string(finishedAt),
        ]
        if let signal { value["signal"] = .integer(Int64(signal)) }
        if let startedAt { value["startedAt"] = .string(startedAt) }
        if let reason { value["reason"] = .string(reason) }
        if let message { value["message"] = .string(message) }
        return value
    }

    init?(json: JSONValue) {
        guard let code = json["code"]?.intValue, let finishedAt = json["finishedAt"]?.stringValue else { return nil }
        self.init(
            code: Int32(clamping: code), signal: json["signal"]?.intValue.map { Int32(clamping: $0) },
            oomKilled: json["oomKilled"]?.boolValue ?? false, startedAt: json["startedAt"]?.stringValue,
            finishedAt: finishedAt, reason: json["reason"]?.stringValue, message: json["message"]?.stringValue)
    }
}
