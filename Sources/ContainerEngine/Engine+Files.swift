import Cgroups
import ContainerRuntime
import Linux
import Logging
import OCI

/// What a container's file system is made of.
public struct ContainerFiles: Sendable {
    public let id: String
    /// Digest of the config of its image; empty when it was made without one.
    public let imageID: String
    /// Directories of the overlay, topmost first; the first is the container's own.
    public let layers: [String]
}

extension Engine {
    /// A container by its id or the beginning of it.
    /// - Throws: ``EngineError`` with code `notFound` or `invalidRequest`.
    public func find(_ text: String) throws(EngineError) -> ContainerRecord {
        if let record = inspect(text) { return record }
        let found = text.isEmpty ? [] : list().filter { $0.id.hasPrefix(text) }
        guard found.count <= 1 else {
            throw EngineError(
                .invalidRequest, "container id \(text) fits \(found.count) containers; give more of it")
        }
        guard let record = found.first else { throw EngineError(.notFound, "No such container: \(text)") }
        return record
    }

    public func files(of record: ContainerRecord) async throws -> ContainerFiles {
        let runtime = runtime
        let spec = try await onStartLane { try runtime.spec(of: record.id) }
        guard let overlay = spec.overlay, let upper = overlay.upper else {
            throw EngineError(.invalidRequest, "container \(record.id) has no layer of its own")
        }
        return ContainerFiles(id: record.id, imageID: record.imageID, layers: [upper] + overlay.lower.reversed())
    }

    /// Holds a container's processes still while `body` runs, when it has any.
    public func whilePaused<Value: Sendable>(
        _ record: ContainerRecord, _ body: () async throws -> Value
    ) async throws -> Value {
        guard record.isRunning else { return try await body() }
        let runtime = runtime
        let id = record.id
        let cgroup = try await onStartLane { try runtime.cgroup(of: id) }
        // Somebody else's pause is left to them.
        if try await onStartLane({ try cgroup.isFrozen() }) { return try await body() }
        try await onStartLane { try cgroup.freeze() }
        do {
            let value = try await body()
            try await onStartLane { try cgroup.thaw() }
            return value
        } catch {
            do {
                try await cleanupLane.run { try cgroup.thaw() }
            } catch let problem {
                logger.error("container can't be resumed", metadata: ["container": "\(id)", "error": "\(problem)"])
            }
            throw error
        }
    }
}
