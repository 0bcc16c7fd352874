extension Engine {
    /// A container's log as `kubectl logs` prints it, read as fast as the consumer takes it.
    ///
    /// - Parameters:
    ///   - path: the log file that the container was given.
    ///   - id: the container, for `follow`: its end is the end of the stream.
    public nonisolated func readLog(
        path: String, query: LogQuery, following id: String
    ) -> AsyncThrowingStream<[UInt8], any Error> {
        let clock = clock
        let session = LogSession(
            path: path, query: query, executor: logExecutor,
            isLive: { [weak self] in await self?.inspect(id)?.hasExited == false },
            pause: { try await clock.sleep(for: .milliseconds(100)) })
        return AsyncThrowingStream { try await session.next() }
    }
}
