public import Linux
public import Resources

/// How the API reaches the processes and the networks of pods.
public struct PodStreams: Sendable {
    /// Throws ``StreamRefusal`` for a container that does not run, before anything is started.
    public var check: @Sendable (_ pod: ResourceKey, _ container: String) async throws -> Void
    public var exec: @Sendable (PodExecRequest) async throws -> PodProcess
    public var attach: @Sendable (PodAttachRequest) async throws -> PodProcess
    /// A connection to a port in a pod's network, whose descriptor the receiver closes. What it throws is told to the client.
    public var connect: @Sendable (_ pod: ResourceKey, _ port: UInt16) async throws -> Int32

    public init(
        check: @escaping @Sendable (ResourceKey, String) async throws -> Void,
        exec: @escaping @Sendable (PodExecRequest) async throws -> PodProcess,
        attach: @escaping @Sendable (PodAttachRequest) async throws -> PodProcess,
        connect: @escaping @Sendable (ResourceKey, UInt16) async throws -> Int32
    ) {
        self.check = check
        self.exec = exec
        self.attach = attach
        self.connect = connect
    }
}

/// A process that a client talks to.
public struct PodProcess: Sendable {
    /// How it ended, as far as that is told to the client.
    public enum End: Sendable, Hashable {
        case exited(Int32)
        /// It could not be run: the status that a shell gives for that, and why.
        case notRun(Int32, String)
    }

    /// The receiver closes them.
    public var streams: ProcessStreams
    /// Waits for the end; asked once the process's output has ended.
    public var end: @Sendable () async throws -> End

    public init(streams: ProcessStreams, end: @escaping @Sendable () async throws -> End) {
        self.streams = streams
        self.end = end
    }
}

/// Why there is nothing to talk to. Clients print the text as it is, after "unable to upgrade connection".
public struct StreamRefusal: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
