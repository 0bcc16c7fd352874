import ContainerRuntime
import Linux

/// What a container has to say about its end: the content of a file that is bound into it, or else the end of its log.
///
/// The file is on the disk beside the container's writable layer, and goes with it. In memory it would be a way to fill what
/// the agent and all other containers need; on the disk it takes no more than the layer may.
enum TerminationMessage {
    private static let limit = 4096
    private static let logLimit = 2048
    private static let logLines = 80

    /// For any user of the container to write.
    static func makeFile(_ path: String) throws(SystemError) {
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
        // The umask takes bits away from open's mode.
        try systemCall("fchmod", on: path) { fchmod(file.rawValue, 0o666) }
    }

    /// The end of the file, empty when there is none. What cannot be read says so in its place.
    ///
    /// The container may have made anything of it, and is not to lead this program elsewhere or hold it up.
    static func read(_ path: String) -> String {
        do {
            let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME
            let file = try FileDescriptor.open(path, flags)
            var info = stat()
            try systemCall("fstat", on: path) { fstat(file.rawValue, &info) }
            guard info.st_mode & S_IFMT == S_IFREG else { return unreadable("it is not a file") }
            let start = max(0, Int64(info.st_size) - Int64(limit))
            var bytes = [UInt8](repeating: 0, count: limit)
            let count = try systemCall("pread", on: path) { pread(file.rawValue, &bytes, limit, off_t(start)) }
            return text(bytes[..<count], atMost: limit)
        } catch {
            return error.errno == .noEntry ? "" : unreadable("\(error)")
        }
    }

    private static func unreadable(_ reason: String) -> String { "Error on reading termination log: \(reason)" }

    /// The end of a log, without what it says of its lines.
    static func endOfLog(_ path: String, executor: ThreadExecutor) async -> String {
        var query = LogQuery()
        query.tailLines = logLines
        let session = LogSession(path: path, query: query, executor: executor, isLive: { false }, pause: {})
        var end: [UInt8] = []
        while let output = try? await session.next() { end = Array((end + output).suffix(logLimit)) }
        return text(end[...], atMost: logLimit)
    }

    /// The bytes as text, of which a status can only take what is UTF-8: a character that was cut off at the beginning is left out,
    /// and what else is none is replaced.
    static func text(_ bytes: ArraySlice<UInt8>, atMost limit: Int) -> String {
        func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
        let cut = bytes.count < limit ? 0 : bytes.prefix(3).prefix(while: isContinuation).count
        let text = String(decoding: bytes.dropFirst(cut), as: UTF8.self)
        // A replacement takes three bytes.
        return String(decoding: text.utf8.suffix(limit).drop(while: isContinuation), as: UTF8.self)
    }
}

extension Engine {
    /// The log to look into for the message of a container that failed.
    static let messageLogLabel = "dev.wherry.message-log"

    /// The end of a container with what it has to say about it, by the rules of the kubelet.
    func withMessage(_ exit: ContainerExit, of id: String, _ labels: [String: String]) async -> ContainerExit {
        let path = layout.storage(id).terminationLog
        var message = (try? await onStartLane { TerminationMessage.read(path) }) ?? ""
        if message.isEmpty, exit.code != 0, exit.reason != "StartError", let log = labels[Self.messageLogLabel] {
            message = await TerminationMessage.endOfLog(log, executor: logExecutor)
        }
        guard !message.isEmpty else { return exit }
        var exit = exit
        exit.message = [exit.message ?? "", message].filter { !$0.isEmpty }.joined(separator: ": ")
        return exit
    }
}
