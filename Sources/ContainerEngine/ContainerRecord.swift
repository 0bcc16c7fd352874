public import ContainerRuntime

/// A container the engine knows: one that runs, or one that ended and wasn't removed yet.
public struct ContainerRecord: Sendable {
    public enum State: Sendable {
        /// Waits at its start gate.
        case created
        case running
        case exited(ContainerExit)
    }

    public let id: String
    public let labels: [String: String]
    public internal(set) var state: State
    /// The first process, in the host's pid namespace.
    public let pid: Int32
    /// RFC 3339, for display only; empty before the start.
    public internal(set) var startedAt: String

    /// Digest of the config of the image it was made from, `sha256:…`; empty when the request didn't name one.
    public var imageID: String { labels[Engine.imageLabel] ?? "" }

    public var isRunning: Bool { if case .running = state { true } else { false } }
}

/// The end of a container, told once by ``Engine/exits``.
public struct ContainerExitEvent: Sendable {
    public let id: String
    public let labels: [String: String]
    public let exit: ContainerExit
}

/// What a command in a container did.
public struct ExecOutcome: Sendable, Hashable {
    public let exitCode: Int32
    /// The first 10 KiB of both streams.
    public let output: [UInt8]
    public let timedOut: Bool

    public init(exitCode: Int32, output: [UInt8], timedOut: Bool = false) {
        self.exitCode = exitCode
        self.output = output
        self.timedOut = timedOut
    }
}
