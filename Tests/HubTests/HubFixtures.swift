import FleetProtocol
import Identity
import JSON
import Linux
import Logging
import MQTT
import ResourceStore
import Resources
import Testing

@testable import Hub

/// A directory that goes away with the test.
final class Scratch: Sendable {
    let path: String
    init() throws {
        var template = Array("/tmp/wherry-hub.XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    deinit { try? Files.removeTree(path) }
}

func deployment(
    _ name: String, replicas: Int64 = 2, selector: JSONValue = [:], labels: [String: String] = [:],
    spec: JSONValue = [:]
) -> Resource {
    var pod: JSONValue = ["containers": [["name": "main", "image": "busybox:1"]], "nodeSelector": selector]
    for (key, value) in spec.objectValue ?? [:] { pod[key] = value }
    var resource = Resource(
        value: [
            "metadata": [
                "name": .string(name), "namespace": "default", "uid": .string("uid-\(name)"), "generation": 1,
            ],
            "spec": [
                "replicas": .integer(replicas), "selector": ["matchLabels": ["app": .string(name)]],
                "template": ["metadata": ["labels": ["app": .string(name)]], "spec": pod],
            ], "status": ["replicas": 7],
        ], type: .deployment)
    resource.labels = labels
    return resource
}

func node(_ name: String, _ labels: [String: String] = [:]) -> Resource {
    var resource = Resource(value: ["metadata": ["name": .string(name)]], type: .node)
    resource.labels = labels
    return resource
}

func plain(_ type: ResourceType, _ name: String, namespace: String? = "default", _ fields: JSONValue = [:]) -> Resource
{
    var value = fields
    value[path: "metadata", "name"] = .string(name)
    value[path: "metadata", "namespace"] = namespace.map { .string($0) }
    return Resource(value: value, type: type)
}

/// Polls until the condition holds; records an issue when it does not in time.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(120), location: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let start = MonotonicInstant.now()
    while start.duration(to: .now()) < limit {
        if try await condition() { return }
        try await ContinuousClock().sleep(for: .milliseconds(20))  // poll
    }
    Issue.record(what, sourceLocation: location)
}
