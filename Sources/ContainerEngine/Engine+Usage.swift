import Cgroups

/// What a container uses; a figure is nil where this machine does not count it.
public struct ContainerUsage: Sendable, Hashable {
    /// Nanoseconds of CPU since it was made.
    public let cpu: UInt64?
    /// Bytes, less the file cache that goes first.
    public let memory: UInt64?

    public init(cpu: UInt64?, memory: UInt64?) {
        self.cpu = cpu
        self.memory = memory
    }
}

extension Engine {
    /// What containers use now, by id. Those that ended meanwhile are left out.
    public func usage(of ids: [String]) async throws -> [String: ContainerUsage] {
        let parent = layout.cgroupParent
        return try await onStartLane {
            Cgroup.batch {
                var usages: [String: ContainerUsage] = [:]
                for id in ids {
                    guard let usage = try? Cgroup(existing: "\(parent)/\(id)").usage() else { continue }
                    usages[id] = ContainerUsage(cpu: usage.cpu, memory: usage.workingSet)
                }
                return usages
            }
        }
    }
}
