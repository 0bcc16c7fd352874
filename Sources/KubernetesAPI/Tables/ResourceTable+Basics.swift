import JSON
import Resources

extension ResourceTable {
    static let namespaces = ResourceTable(
        columns: [.name, Column("Status", "The status of the namespace."), .age]
    ) { resource, now in
        [.string(resource.name), resource.status("phase") ?? "Active", resource.age(now)]
    }

    static let configMaps = ResourceTable(
        columns: [.name, Column("Data", "Number of entries."), .age]
    ) { resource, now in
        [.string(resource.name), .integer(resource.entries("data", "binaryData")), resource.age(now)]
    }

    static let secrets = ResourceTable(
        columns: [
            .name, Column("Type", "What the secret is for."), Column("Data", "Number of entries."), .age,
        ]
    ) { resource, now in
        [
            .string(resource.name), resource.value["type"] ?? "Opaque", .integer(resource.entries("data")),
            resource.age(now),
        ]
    }

    static let events = ResourceTable(
        columns: [
            Column("Last Seen", "Time since the latest occurrence."),
            Column("Type", "Normal or Warning."),
            Column("Reason", "A short, machine understandable word for what happened."),
            Column("Object", "The object it happened to."),
            Column("Subobject", "The part of the object it happened to.", wide: true),
            Column("Source", "The component that reports it.", wide: true),
            Column("Message", "What happened, for people."),
            Column("First Seen", "Time since the first occurrence.", wide: true),
            Column("Count", "How often it happened.", wide: true),
            Column("Name", "Name of the event.", format: "name", wide: true),
        ]
    ) { event, now in
        let value = event.value
        let first = HumanDuration.since(
            value["firstTimestamp"]?.stringValue ?? value["eventTime"]?.stringValue, now: now)
        var last = value["lastTimestamp"]?.stringValue.map { HumanDuration.since($0, now: now) } ?? first
        var count = max(1, value["count"]?.intValue ?? 1)
        if let series = value["series"], !series.isNull {
            last = HumanDuration.since(series["lastObservedTime"]?.stringValue, now: now)
            count = series["count"]?.intValue ?? count
        }
        return [
            .string(last), value["type"] ?? "", value["reason"] ?? "", .string(event.involvedObject),
            value[path: "involvedObject", "fieldPath"] ?? "", .string(event.source),
            .string(Self.trimmed(value["message"]?.stringValue ?? "")), .string(first), .integer(Int64(count)),
            .string(event.name),
        ]
    }

    private static func trimmed(_ text: String) -> String {
        var text = text[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text.drop(while: \.isWhitespace))
    }
}

extension Resource {
    fileprivate func entries(_ fields: String...) -> Int64 {
        Int64(fields.reduce(0) { $0 + (value[$1]?.objectValue?.count ?? 0) })
    }

    fileprivate var involvedObject: String {
        let kind = value[path: "involvedObject", "kind"]?.stringValue?.lowercased() ?? ""
        let name = value[path: "involvedObject", "name"]?.stringValue ?? ""
        return name.isEmpty ? kind : "\(kind)/\(name)"
    }

    fileprivate var source: String {
        func first(_ texts: String?...) -> String { texts.compactMap { $0 }.first { !$0.isEmpty } ?? "" }
        let component = first(
            value[path: "source", "component"]?.stringValue, value["reportingComponent"]?.stringValue)
        let host = first(value[path: "source", "host"]?.stringValue, value["reportingInstance"]?.stringValue)
        return host.isEmpty ? component : "\(component), \(host)"
    }
}
