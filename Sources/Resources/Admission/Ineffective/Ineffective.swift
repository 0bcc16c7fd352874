import JSON

/// What an object may say although it changes nothing here. Its writer is told so by `Warning` headers, which kubectl prints.
///
/// Told is what somebody would miss; what nobody can tell from its absence on a single device stays silent, and so do values that
/// name what happens anyway. What a device cannot do and does not start (volumes from elsewhere, gRPC probes) tells so itself.
public enum Ineffective {
    /// Where an object is written: a hub does less with some of them than a device.
    public enum Place: Sendable { case device, hub }

    private static let mostWarnings = 10

    /// - Parameter old: the object as it was: what it said already is not told again.
    public static func warnings(of new: Resource, replacing old: Resource? = nil, at place: Place) -> [String] {
        let told = Set(old.map { all(of: $0, at: place) } ?? [])
        let warnings = all(of: new, at: place).filter { !told.contains($0) }
        guard warnings.count > mostWarnings else { return warnings }
        let rest = warnings.count - mostWarnings + 1
        return warnings.prefix(mostWarnings - 1) + ["\(rest) more fields have no effect"]
    }

    /// A kind that nothing acts on has one warning, whatever its fields are.
    private static func all(of object: Resource, at place: Place) -> [String] {
        if let words = kinds[object.type] ?? (place == .hub ? kindsAtHub[object.type] : nil) {
            return [warning(object.type.kind, words)]
        }
        let fields = place == .hub ? fieldsAtHub[object.type] ?? [] : []
        return fields.flatMap { $0.warnings(in: object.value) } + ofPods(in: object)
    }

    private static func ofPods(in object: Resource) -> [String] {
        guard let path = podPaths[object.type],
            let pod = path.reduce(object.value as JSONValue?, { $0?[$1] })
        else { return [] }
        let place = path.joined(separator: ".")
        return pods.flatMap { $0.warnings(in: pod, at: place, of: pod) }
            + containerLists.flatMap { list in
                pod.list(list).enumerated().flatMap { index, container in
                    containers.flatMap { $0.warnings(in: container, at: "\(place).\(list)[\(index)]", of: pod) }
                }
            }
    }

    /// Where the kinds whose pods run have the specification of a pod.
    private static let podPaths: [ResourceType: [String]] = [
        .pod: ["spec"], .deployment: ["spec", "template", "spec"], .replicaSet: ["spec", "template", "spec"],
    ]

    private static let containerLists = ["initContainers", "containers", "ephemeralContainers"]

    static func warning(_ subject: String, _ words: String) -> String { "\(subject): has no effect: \(words)" }
}
