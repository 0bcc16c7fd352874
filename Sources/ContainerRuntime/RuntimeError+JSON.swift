import JSON

// How a failure travels from the container's set-up to the monitor and on to the agent.
extension RuntimeError {
    var json: JSONValue {
        var value: JSONValue = ["code": .string(code.rawValue), "message": .string(message)]
        if let stage { value["stage"] = .string(stage) }
        if errno != 0 { value["errno"] = .integer(Int64(errno)) }
        return value
    }

    init(json: JSONValue) {
        self.init(
            Code(rawValue: json["code"]?.stringValue ?? "unknown"),
            json["message"]?.stringValue ?? "the container's set-up failed without a message",
            stage: json["stage"]?.stringValue, errno: Int32(clamping: json["errno"]?.intValue ?? 0))
    }
}
