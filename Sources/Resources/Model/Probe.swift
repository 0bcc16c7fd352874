/// A check of a container's health.
public struct Probe: Codable, Hashable, Sendable {
    /// Succeeds when the command exits with 0.
    public var exec: ExecAction?
    /// Succeeds on a status of 200 to 399.
    public var httpGet: HTTPGetAction?
    /// Succeeds when a connection opens.
    public var tcpSocket: TCPSocketAction?
    /// Not supported: such a probe fails.
    public var grpc: GRPCAction?
    /// Seconds after start before the first check.
    public var initialDelaySeconds: Int?
    /// Seconds a check may take.
    public var timeoutSeconds: Int?
    /// Seconds between checks.
    public var periodSeconds: Int?
    /// Successes in a row that count as success.
    public var successThreshold: Int?
    /// Failures in a row that count as failure.
    public var failureThreshold: Int?
    /// Grace period when this probe kills the container.
    public var terminationGracePeriodSeconds: Int?

    public init(
        exec: ExecAction? = nil, httpGet: HTTPGetAction? = nil, tcpSocket: TCPSocketAction? = nil,
        grpc: GRPCAction? = nil, initialDelaySeconds: Int? = nil, timeoutSeconds: Int? = nil, periodSeconds: Int? = nil,
        successThreshold: Int? = nil, failureThreshold: Int? = nil, terminationGracePeriodSeconds: Int? = nil
    ) {
        self.exec = exec
        self.httpGet = httpGet
        self.tcpSocket = tcpSocket
        self.grpc = grpc
        self.initialDelaySeconds = initialDelaySeconds
        self.timeoutSeconds = timeoutSeconds
        self.periodSeconds = periodSeconds
        self.successThreshold = successThreshold
        self.failureThreshold = failureThreshold
        self.terminationGracePeriodSeconds = terminationGracePeriodSeconds
    }
}

/// What to do after start and before stop.
public struct Lifecycle: Codable, Hashable, Sendable {
    /// After start; the container is killed when it fails.
    public var postStart: LifecycleHandler?
    /// Before SIGTERM, within the grace period.
    public var preStop: LifecycleHandler?
    /// Signal instead of SIGTERM.
    public var stopSignal: String?

    public init(
        postStart: LifecycleHandler? = nil, preStop: LifecycleHandler? = nil, stopSignal: String? = nil
    ) {
        self.postStart = postStart
        self.preStop = preStop
        self.stopSignal = stopSignal
    }
}

/// An action at a moment of a container's life.
public struct LifecycleHandler: Codable, Hashable, Sendable {
    /// Runs a command.
    public var exec: ExecAction?
    /// Sends a request.
    public var httpGet: HTTPGetAction?
    /// Opens a connection.
    public var tcpSocket: TCPSocketAction?
    /// Waits.
    public var sleep: SleepAction?

    public init(
        exec: ExecAction? = nil, httpGet: HTTPGetAction? = nil, tcpSocket: TCPSocketAction? = nil,
        sleep: SleepAction? = nil
    ) {
        self.exec = exec
        self.httpGet = httpGet
        self.tcpSocket = tcpSocket
        self.sleep = sleep
    }
}

/// A command to run in the container, without a shell.
public struct ExecAction: Codable, Hashable, Sendable {
    /// The program and its arguments.
    public var command: [String]?

    public init(
        command: [String]? = nil
    ) {
        self.command = command
    }
}

/// An HTTP request.
public struct HTTPGetAction: Codable, Hashable, Sendable {
    /// `/` by default.
    public var path: String?
    /// Number or name of a container port.
    public var port: IntOrString
    /// The pod's address by default.
    public var host: String?
    /// `HTTP` or `HTTPS`.
    public var scheme: String?
    /// Further header fields.
    public var httpHeaders: [HTTPHeader]?

    public init(
        path: String? = nil, port: IntOrString, host: String? = nil, scheme: String? = nil,
        httpHeaders: [HTTPHeader]? = nil
    ) {
        self.path = path
        self.port = port
        self.host = host
        self.scheme = scheme
        self.httpHeaders = httpHeaders
    }
}

/// A header field.
public struct HTTPHeader: Codable, Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Its value.
    public var value: String

    public init(
        name: String, value: String
    ) {
        self.name = name
        self.value = value
    }
}

/// A TCP connection.
public struct TCPSocketAction: Codable, Hashable, Sendable {
    /// Number or name of a container port.
    public var port: IntOrString
    /// The pod's address by default.
    public var host: String?

    public init(
        port: IntOrString, host: String? = nil
    ) {
        self.port = port
        self.host = host
    }
}

/// A call of the gRPC health service.
public struct GRPCAction: Codable, Hashable, Sendable {
    /// Number of the port.
    public var port: Int
    /// Name of the service.
    public var service: String?

    public init(
        port: Int, service: String? = nil
    ) {
        self.port = port
        self.service = service
    }
}

/// A pause.
public struct SleepAction: Codable, Hashable, Sendable {
    /// Its length in seconds.
    public var seconds: Int

    public init(
        seconds: Int
    ) {
        self.seconds = seconds
    }
}
