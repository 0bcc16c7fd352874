import Linux

/// Those who see a container's output beside its log, each stream through a pipe of its own.
///
/// The container waits for them as a program waits for its terminal: while a member has not taken a piece, no more is read
/// from the container. Whoever takes nothing for ten seconds is left out, so that nobody can hold a container up for good.
struct Audience {
    private struct Member {
        let pipe: Int32
        let stream: ContainerLog.Stream
        var pending: ArraySlice<UInt8> = []
        var progress = MonotonicInstant.now()
        /// The stream has ended: the pipe closes once it has taken the rest.
        var isLast = false
    }

    /// Pipes, two for each client.
    static let limit = 32
    static let patience = Duration.seconds(10)
    private var members: [Member] = []

    /// What a program that clients talk to wrote before the first of them came: its prompt, or all of its words if it is quick.
    /// Nil where there is none to keep, because it became too much or somebody has it.
    private var backlog: [(stream: ContainerLog.Stream, bytes: [UInt8])]?
    static let longestBacklog = 16 << 10

    init(keepsBacklog: Bool) { backlog = keepsBacklog ? [] : nil }

    /// Whether someone has still to take a piece of this stream.
    func isWaiting(_ stream: ContainerLog.Stream) -> Bool {
        members.contains { $0.stream == stream && !$0.pending.isEmpty }
    }

    /// How long `poll` may wait, in milliseconds.
    var pollTimeout: Int32 { members.contains { !$0.pending.isEmpty } ? 1000 : -1 }

    /// Gives a client that connected the reading ends of two new pipes, and then `input` if there is one.
    /// - Returns: whether it got them.
    mutating func admit(_ listener: Int32, _ streams: MonitorStreams) -> Bool {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return false }
        defer { close(client) }
        guard members.count + 2 <= Self.limit, let stdout = try? FileDescriptor.pipe(),
            let stderr = try? FileDescriptor.pipe(), Self.send(stdout.reader.rawValue, to: client),
            Self.send(stderr.reader.rawValue, to: client), streams.input < 0 || Self.send(streams.input, to: client)
        else { return false }
        for (writer, stream) in [
            (stdout.writer.rawValue, ContainerLog.Stream.stdout), (stderr.writer.rawValue, .stderr),
        ] {
            let pipe = wherry_fcntl_integer(writer, F_DUPFD_CLOEXEC, 3)
            guard pipe >= 0 else { continue }
            _ = wherry_fcntl_integer(pipe, F_SETFL, O_NONBLOCK)
            members.append(Member(pipe: pipe, stream: stream))
        }
        for (stream, bytes) in backlog.take() ?? [] { give(bytes, stream) }
        // Who comes between a program's last word and its end hears what was kept of it.
        if streams.stdout < 0 { finish(.stdout) }
        if streams.stderr < 0 { finish(.stderr) }
        return true
    }

    private static func send(_ descriptor: Int32, to client: Int32) -> Bool {
        wherry_send_descriptor(client, descriptor, "s", 1) == 0
    }

    /// Gives a piece of a stream to everybody who sees it.
    mutating func give(_ bytes: [UInt8], _ stream: ContainerLog.Stream) {
        keep(bytes, stream)
        for index in members.indices where members[index].stream == stream {
            if members[index].pending.isEmpty { members[index].progress = .now() }
            members[index].pending += bytes
            flush(index)
        }
        removeClosed()
    }

    private mutating func keep(_ bytes: [UInt8], _ stream: ContainerLog.Stream) {
        guard let length = backlog?.reduce(0, { $0 + $1.bytes.count }) else { return }
        if length + bytes.count <= Self.longestBacklog {
            backlog?.append((stream, bytes))
        } else {
            backlog = nil
        }
    }

    /// The stream has no more to give.
    mutating func finish(_ stream: ContainerLog.Stream) {
        for index in members.indices where members[index].stream == stream {
            members[index].isLast = true
            flush(index)
        }
        removeClosed()
    }

    /// Adds the members to what is polled, and returns how many there are.
    func fill(_ entries: UnsafeMutableBufferPointer<pollfd>, from first: Int) -> Int {
        for (index, member) in members.enumerated() {
            // Without events the end of the reader is still told.
            entries[first + index] = pollfd(
                fd: member.pipe, events: member.pending.isEmpty ? 0 : Int16(POLLOUT), revents: 0)
        }
        return members.count
    }

    /// Goes on with those who are ready, and leaves out those who are gone or take too long.
    mutating func proceed(_ entries: UnsafeMutableBufferPointer<pollfd>, from first: Int) {
        let now = MonotonicInstant.now()
        for index in members.indices {
            if entries[first + index].revents & Int16(POLLERR) != 0 {
                leave(index)
            } else if entries[first + index].revents != 0 {
                flush(index)
            } else if !members[index].pending.isEmpty, members[index].progress.duration(to: now) > Self.patience {
                leave(index)
            }
        }
        removeClosed()
    }

    /// Waits until everybody has taken the rest, for as long as that goes on.
    mutating func drain(patience: Duration) {
        let capacity = Self.limit
        while members.contains(where: { !$0.pending.isEmpty }) {
            withUnsafeTemporaryAllocation(of: pollfd.self, capacity: capacity) { entries in
                let count = fill(entries, from: 0)
                let ready = poll(entries.baseAddress, nfds_t(count), Int32(patience.components.seconds * 1000))
                if ready > 0 { return proceed(entries, from: 0) }
                for index in members.indices { leave(index) }
                removeClosed()
            }
        }
    }

    private mutating func flush(_ index: Int) {
        let pipe = members[index].pipe
        while pipe >= 0, !members[index].pending.isEmpty {
            let written = members[index].pending.withUnsafeBytes { write(pipe, $0.baseAddress, $0.count) }
            if written > 0 {
                members[index].pending = members[index].pending.dropFirst(written)
                members[index].progress = .now()
            } else if Errno.last == .again {
                return
            } else if Errno.last != .interrupted {
                return leave(index)
            }
        }
        members[index].pending = []
        if members[index].isLast { leave(index) }
    }

    private mutating func leave(_ index: Int) {
        let member = members[index]
        guard member.pipe >= 0 else { return }
        close(member.pipe)
        members[index] = Member(pipe: -1, stream: member.stream)
    }

    private mutating func removeClosed() { members.removeAll { $0.pipe < 0 } }
}
