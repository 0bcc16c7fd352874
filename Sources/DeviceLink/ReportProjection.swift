internal import FleetProtocol
import JSON
import ResourceStore
import Resources

/// What the hub is told of the device's objects, and what of it changed since it was last told.
struct ReportProjection: Sendable {
    static let types: Set<ResourceType> = [.pod, .deployment, .configMap, .secret, .node]

    /// What the hub has, by a hash of the object; emptied when a full report starts.
    private var reported: [FleetProtocol.ObjectReference: Int] = [:]

    /// The object as it is reported; nil for one that is not.
    ///
    /// Of ConfigMaps and Secrets only the local ones are named, without any data.
    static func project(_ resource: Resource, nodeName: String) -> JSONValue? {
        var value = resource.value
        value["metadata"]?["managedFields"] = nil
        value["metadata"]?["annotations"]?[WherryLabels.lastApplied] = nil
        switch resource.type {
        case .pod, .deployment: return value
        case .node:
            guard resource.name == nodeName else { return nil }
            return value
        case .configMap, .secret:
            guard resource.annotations[WherryLabels.owner] != WherryLabels.ownerHub,
                resource.name != PodIdentity.rootCertificates
            else { return nil }
            value["data"] = nil
            value["binaryData"] = nil
            value["stringData"] = nil
            return value
        default: return nil
        }
    }

    /// Every object, in messages of bounded size; from here on deltas are relative to it.
    mutating func full(_ store: Store, nodeName: String) async throws -> [Report] {
        var entries: [Report.Entry] = []
        for type in Self.types.sorted(by: { $0.plural < $1.plural }) {
            for resource in try await store.list(type).items {
                guard let value = Self.project(resource, nodeName: nodeName) else { continue }
                entries.append(Report.Entry(reference: resource.key.reference, object: value))
            }
        }
        reported = Dictionary(uniqueKeysWithValues: entries.map { ($0.reference, $0.object.hashValue) })
        let parts = Self.split(entries)
        return parts.enumerated().map {
            Report(full: true, part: $0.offset + 1, parts: parts.count, entries: $0.element)
        }
    }

    /// What differs from what was reported, among `keys`.
    mutating func delta(_ keys: Set<ResourceKey>, _ store: Store, nodeName: String) async throws -> [Report] {
        var entries: [Report.Entry] = []
        for key in keys.sorted(by: { $0.description < $1.description }) {
            let reference = key.reference
            let value = try await store.find(key).flatMap { Self.project($0, nodeName: nodeName) }
            if let value {
                guard reported.updateValue(Optional(value).hashValue, forKey: reference) != Optional(value).hashValue
                else { continue }
            } else {
                guard reported.removeValue(forKey: reference) != nil else { continue }
            }
            entries.append(Report.Entry(reference: reference, object: value))
        }
        return entries.isEmpty ? [] : Self.split(entries).map { Report(full: false, entries: $0) }
    }

    /// An object that alone is too large is left out: it could never be sent.
    static func split(_ entries: [Report.Entry], limit: Int = FleetLimits.reportPart) -> [[Report.Entry]] {
        var parts: [[Report.Entry]] = []
        var part: [Report.Entry] = []
        var size = 0
        for entry in entries {
            let bytes = (entry.object?.serialized().count ?? 0) + 256
            guard bytes <= limit else { continue }
            if size + bytes > limit {
                parts.append(part)
                part = []
                size = 0
            }
            part.append(entry)
            size += bytes
        }
        if !part.isEmpty || parts.isEmpty { parts.append(part) }
        return parts
    }
}
