/// A command to run in a pod's container: the query of `pods/NAME/exec`.
public struct PodExecRequest: Sendable, Hashable {
    public var namespace: String
    public var pod: String
    public var container: String
    public var command: [String]
    public var streams: PodStreamOptions

    public init(
        namespace: String, pod: String, container: String, command: [String], streams: PodStreamOptions
    ) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
        self.command = command
        self.streams = streams
    }
}

/// A container to see and to write to: the query of `pods/NAME/attach`.
public struct PodAttachRequest: Sendable, Hashable {
    public var namespace: String
    public var pod: String
    public var container: String
    public var streams: PodStreamOptions

    public init(namespace: String, pod: String, container: String, streams: PodStreamOptions) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
        self.streams = streams
    }
}

/// Which streams of a process a client wants.
public struct PodStreamOptions: Sendable, Hashable {
    public var stdin: Bool
    public var stdout: Bool
    public var stderr: Bool
    public var tty: Bool

    public init(stdin: Bool = false, stdout: Bool = false, stderr: Bool = false, tty: Bool = false) {
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.tty = tty
    }
}
