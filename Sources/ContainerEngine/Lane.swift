import Linux

/// One thread for calls that block: runtime operations, file trees, mounts.
actor Lane {
    private let executor: ThreadExecutor

    init(name: String) { executor = ThreadExecutor(name: name) }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func run<Value: Sendable>(_ body: @Sendable () throws -> Value) throws -> Value { try body() }
}
