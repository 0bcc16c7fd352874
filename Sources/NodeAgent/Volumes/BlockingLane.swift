import Linux

/// One thread for the agent's blocking file work.
actor BlockingLane {
    private let executor: ThreadExecutor

    init(name: String) { executor = ThreadExecutor(name: name) }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func run<Value: Sendable>(_ body: @Sendable () throws -> Value) throws -> Value { try body() }
}
