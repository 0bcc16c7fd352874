import Linux

/// One reader of one container's log: turns CRI lines into what `kubectl logs` prints, a chunk at a time.
///
/// File reads happen on the engine's log thread; between them the session waits with the clock, so that many followers
/// need no thread each.
actor LogSession {
    private let executor: ThreadExecutor
    private let path: String
    private let query: LogQuery
    private let isLive: @Sendable () async -> Bool
    private let pause: @Sendable () async throws -> Void

    private var waiting: [LogSegment] = []
    private var current: LogSegment?
    private var offset: Int64 = 0
    private var carried: [UInt8] = []
    private var remaining: Int
    private var hasOpened = false
    private var passedSince: Bool
    private var isFinished = false

    private static let block = 32 << 10
    private static let longestLine = 1 << 20

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(
        path: String, query: LogQuery, executor: ThreadExecutor, isLive: @escaping @Sendable () async -> Bool,
        pause: @escaping @Sendable () async throws -> Void
    ) {
        self.path = path
        self.query = query
        self.executor = executor
        self.isLive = isLive
        self.pause = pause
        remaining = query.limitBytes ?? .max
        passedSince = query.since == nil
    }

    /// The next piece of output; nil at the end of the log, which with `follow` is the end of the container.
    func next() async throws -> [UInt8]? {
        guard !isFinished, remaining > 0 else { return nil }
        openOnce()
        while true {
            try Task.checkCancellation()
            // Asked before the read: what a container wrote before it ended is then never missed.
            let mayGrow = query.follow ? await isLive() : false
            let output = drain()
            if !output.isEmpty { return limited(output) }
            if advance() { continue }
            guard mayGrow else { break }
            try await pause()
        }
        isFinished = true
        return nil
    }

    private func openOnce() {
        guard !hasOpened else { return }
        hasOpened = true
        var files = LogSegment.all(of: path)
        if let tail = query.tailLines, !files.isEmpty {
            let start = LogSegment.tail(max(tail, 0), of: files)
            files.removeFirst(start.file)
            offset = start.offset
        }
        waiting = files
        current = waiting.isEmpty ? nil : waiting.removeFirst()
    }

    /// Goes on to the next file: one already known, or the one a rotation has put in place of the current one.
    private func advance() -> Bool {
        if !waiting.isEmpty {
            current = waiting.removeFirst()
        } else if let current {
            guard offset >= current.size, LogSegment.identity(of: path) != current.identity else { return false }
            let files = LogSegment.all(of: path)
            let known = files.firstIndex { $0.identity == current.identity }
            waiting = Array(files[(known.map { $0 + 1 } ?? 0)...])
            guard !waiting.isEmpty else { return false }
            self.current = waiting.removeFirst()
        } else {
            guard let first = LogSegment(path) else { return false }
            current = first
        }
        offset = 0
        return true
    }

    /// Reads until there is output or nothing more to read.
    private func drain() -> [UInt8] {
        guard let current else { return [] }
        var output: [UInt8] = []
        while output.isEmpty {
            let bytes = current.read(at: offset, count: Self.block)
            if bytes.isEmpty { break }
            offset += Int64(bytes.count)
            carried += bytes
            consumeLines(into: &output)
        }
        return output
    }

    private func consumeLines(into output: inout [UInt8]) {
        var start = carried.startIndex
        while let end = carried[start...].firstIndex(of: UInt8(ascii: "\n")) {
            append(carried[start..<end], to: &output)
            start = end + 1
        }
        carried.removeFirst(start)
        // Longer than any line the monitor writes: damaged, skip it.
        if carried.count > Self.longestLine { carried.removeAll() }
    }

    private func append(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) {
        guard let line = LogLine(bytes) else { return }
        if !passedSince, let since = query.since {
            if line.isBefore(since) { return }
            passedSince = true
        }
        output += line.output(withTimestamp: query.timestamps)
    }

    private func limited(_ output: [UInt8]) -> [UInt8] {
        defer { remaining -= min(output.count, remaining) }
        return output.count <= remaining ? output : Array(output.prefix(remaining))
    }
}
