extension PodSpec {
    /// Init containers, containers and ephemeral ones.
    public var everyContainer: [Container] {
        (initContainers ?? []) + containers + (ephemeralContainers ?? []).map(\.container)
    }
}

extension PodStatus {
    /// Of containers of each sort.
    public var allContainerStatuses: [ContainerStatus] {
        (initContainerStatuses ?? []) + (containerStatuses ?? []) + (ephemeralContainerStatuses ?? [])
    }
}

/// A container that is added to a running pod for a look at it. It is never restarted.
public struct EphemeralContainer: Codable, Hashable, Sendable {
    /// What it runs.
    public var container: Container
    /// The container whose processes it sees.
    public var targetContainerName: String?

    private enum CodingKeys: String, CodingKey { case targetContainerName }

    public init(container: Container, targetContainerName: String? = nil) {
        self.container = container
        self.targetContainerName = targetContainerName
    }

    /// Both are members of one object.
    public init(from decoder: any Decoder) throws {
        container = try Container(from: decoder)
        targetContainerName = try decoder.container(keyedBy: CodingKeys.self)
            .decodeIfPresent(String.self, forKey: .targetContainerName)
    }

    public func encode(to encoder: any Encoder) throws {
        try container.encode(to: encoder)
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encodeIfPresent(targetContainerName, forKey: .targetContainerName)
    }
}
