import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Resources

/// What the server can do, in the three forms clients ask for: aggregated v2, aggregated v2beta1, and plain lists.
struct Discovery {
    private let catalog: ServedCatalog
    private let form: Form

    private enum Form: Hashable {
        case plain
        case aggregated(version: String)
    }

    init(_ catalog: ServedCatalog, accept: String?) {
        self.catalog = catalog
        for range in (accept ?? "").split(separator: ",") {
            let type = MediaType(range)
            guard type.name == "application/json" else { continue }
            if type.parameters["as"] == nil { break }
            guard type.parameters["g"] == "apidiscovery.k8s.io", type.parameters["as"] == "APIGroupDiscoveryList",
                let version = type.parameters["v"], ["v2", "v2beta1"].contains(version)
            else { continue }
            form = .aggregated(version: version)
            return
        }
        form = .plain
    }

    /// - Throws: 404 for a group or version that does not exist.
    func response(to path: APIPath) throws(StatusError) -> Response {
        switch (path, form) {
        case (.coreVersions, .aggregated(let version)):
            return aggregated(["": catalog.versions[""] ?? []], version)
        case (.groups, .aggregated(let version)):
            return aggregated(catalog.versions.filter { !$0.key.isEmpty }, version)
        case (.coreVersions, .plain):
            return .json(Self.coreVersions)
        case (.groups, .plain):
            return .json([
                "kind": "APIGroupList", "apiVersion": "v1",
                "groups": .array(catalog.named.map { group($0, withKind: false) }),
            ])
        case (.group(let name), _):
            guard catalog.named.contains(name) else { throw .unknownPath() }
            return .json(group(name, withKind: true))
        case (.groupVersion(let group, let version), _):
            guard catalog.versions[group]?.contains(version) == true else { throw .unknownPath() }
            return .json(resourceList(group, version))
        default:
            throw .unknownPath()
        }
    }

    private static let coreVersions: JSONValue = [
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": ""]],
    ]

    private func group(_ name: String, withKind: Bool) -> JSONValue {
        let versions = (catalog.versions[name] ?? []).map { version -> JSONValue in
            ["groupVersion": .string("\(name)/\(version)"), "version": .string(version)]
        }
        var value: JSONValue = ["name": .string(name), "versions": .array(versions)]
        value["preferredVersion"] = versions.first
        if withKind {
            value["kind"] = "APIGroup"
            value["apiVersion"] = "v1"
        }
        return value
    }

    private func resourceList(_ group: String, _ version: String) -> JSONValue {
        var resources: [JSONValue] = []
        for resource in catalog.resources where resource.type.group == group && resource.type.version == version {
            let type = resource.type
            var entry: JSONValue = [
                "name": .string(type.plural), "singularName": .string(type.singular),
                "namespaced": .bool(type.namespaced), "kind": .string(type.kind), "verbs": .strings(resource.verbs),
            ]
            if !type.shortNames.isEmpty { entry["shortNames"] = .strings(type.shortNames) }
            if !type.categories.isEmpty { entry["categories"] = .strings(type.categories) }
            resources.append(entry)
            for part in resource.parts {
                var entry: JSONValue = [
                    "name": .string("\(type.plural)/\(part.name)"), "singularName": "",
                    "namespaced": .bool(type.namespaced), "kind": .string(part.kind), "verbs": .strings(part.verbs),
                ]
                if part.group != group {
                    entry["group"] = .string(part.group)
                    entry["version"] = .string(part.version)
                }
                resources.append(entry)
            }
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": .string(group.isEmpty ? version : "\(group)/\(version)"), "resources": .array(resources),
        ]
    }

    // MARK: Aggregated

    private func aggregated(_ groups: [String: [String]], _ version: String) -> Response {
        let items = groups.sorted { $0.key < $1.key }.map { group, versions -> JSONValue in
            [
                "metadata": group.isEmpty ? [:] : ["name": .string(group)],
                "versions": .array(
                    versions.map { version in
                        [
                            "version": .string(version), "freshness": "Current",
                            "resources": .array(
                                catalog.resources.filter { $0.type.group == group && $0.type.version == version }
                                    .map(Self.aggregatedResource)),
                        ]
                    }),
            ]
        }
        return .json(
            [
                "kind": "APIGroupDiscoveryList", "apiVersion": .string("apidiscovery.k8s.io/\(version)"),
                "metadata": [:], "items": .array(items),
            ],
            // Clients take the answer for a plain list unless its type carries the parameters.
            contentType: "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList")
    }

    private static func aggregatedResource(_ resource: ServedResource) -> JSONValue {
        let type = resource.type
        var entry: JSONValue = [
            "resource": .string(type.plural), "responseKind": kind(type.group, type.version, type.kind),
            "scope": type.namespaced ? "Namespaced" : "Cluster", "singularResource": .string(type.singular),
            "verbs": .strings(resource.verbs),
        ]
        if !type.shortNames.isEmpty { entry["shortNames"] = .strings(type.shortNames) }
        if !type.categories.isEmpty { entry["categories"] = .strings(type.categories) }
        if !resource.parts.isEmpty {
            entry["subresources"] = .array(
                resource.parts.map {
                    [
                        "subresource": .string($0.name), "responseKind": kind($0.group, $0.version, $0.kind),
                        "verbs": .strings($0.verbs),
                    ]
                })
        }
        return entry
    }

    private static func kind(_ group: String, _ version: String, _ kind: String) -> JSONValue {
        ["group": .string(group), "version": .string(version), "kind": .string(kind)]
    }
}

extension JSONValue {
    static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
}
