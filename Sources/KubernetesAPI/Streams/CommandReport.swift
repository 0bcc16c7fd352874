import JSON
import Resources

/// What a client is told at a command's end.
enum CommandReport: Equatable {
    case success
    case exited(Int32, command: String)
    /// Nothing ran, or nobody knows how it ended.
    case failed(String)

    /// As the kubelet writes it to the error stream.
    var status: JSONValue {
        switch self {
        case .success: return ["metadata": [:], "status": "Success"]
        case .exited(let code, _):
            return [
                "metadata": [:], "status": "Failure", "message": .string(text), "reason": "NonZeroExitCode",
                "details": ["causes": [["reason": "ExitCode", "message": .string(String(code))]]],
            ]
        case .failed:
            return [
                "metadata": [:], "status": "Failure", "message": .string(text), "reason": "InternalError",
                "details": ["causes": [["message": .string(text)]]], "code": 500,
            ]
        }
    }

    /// For clients that know no Status; empty for success.
    var text: String {
        switch self {
        case .success: ""
        case .exited(let code, let command):
            "command terminated with non-zero exit code: error executing command \(command), exit code \(code)"
        case .failed(let why): "Internal error occurred: \(why)"
        }
    }
}
