import JSON
import Resources
import Testing
import YAML

/// Objects that the tests start from.
enum Manifest {
    static let deployment = """
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: web
          creationTimestamp: null
        spec:
          replicas: 3
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              affinity:
                nodeAffinity:
                  requiredDuringSchedulingIgnoredDuringExecution:
                    nodeSelectorTerms:
                    - matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}]
              tolerations: [{key: a, operator: Exists, effect: NoSchedule}]
              topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]
              imagePullSecrets: [{name: regcred}]
              containers:
              - name: web
                image: registry.local:5000/web:1.2
                ports: [{containerPort: 80, name: http}]
                env:
                - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
                - {name: MODE, value: prod}
                resources: {limits: {memory: 64Mi, cpu: 0.5}}
                livenessProbe: {httpGet: {port: http}}
                volumeMounts: [{name: conf, mountPath: /conf}]
              volumes:
              - name: conf
                configMap: {name: conf}
        """

    static let pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: p, labels: {app: p}}
        spec:
          containers:
          - {name: c, image: busybox}
        """

    static func value(_ yaml: String) throws -> JSONValue {
        try #require(try YAMLReader.documents(in: yaml).first)
    }

    /// The manifest after `change`, admitted as a new object of the namespace `default`.
    static func admit(
        _ yaml: String, _ validation: FieldValidation = .strict, _ change: (inout JSONValue) -> Void = { _ in }
    ) throws -> (resource: Resource, warnings: [String]) {
        var value = try value(yaml)
        change(&value)
        return try admit(value, validation)
    }

    static func admit(
        _ value: JSONValue, _ validation: FieldValidation = .strict
    ) throws -> (resource: Resource, warnings: [String]) {
        let type = try #require(
            ResourceType.of(
                apiVersion: value["apiVersion"]?.stringValue ?? "", kind: value["kind"]?.stringValue ?? ""))
        return try Admission.create(
            value, type: type, namespace: type.namespaced ? "default" : nil, validation: validation)
    }

    /// The refusal of the changed manifest.
    static func refusal(_ yaml: String, _ change: (inout JSONValue) -> Void) throws -> StatusError? {
        do {
            _ = try admit(yaml, .strict, change)
            return nil
        } catch let error as StatusError {
            return error
        }
    }
}

extension JSONValue {
    /// Reads and writes along member names and `[index]` parts, for tests: `spec.containers[0].image`.
    subscript(at path: String) -> JSONValue? {
        get { path.split(separator: ".").flatMap(Self.parts).reduce(Optional(self)) { $0?.step($1) } }
        set { set(newValue, path.split(separator: ".").flatMap(Self.parts)[...]) }
    }

    private static func parts(_ name: Substring) -> [String] {
        name.split(whereSeparator: { $0 == "[" || $0 == "]" }).map(String.init)
    }

    private func step(_ part: String) -> JSONValue? { Int(part).flatMap { self[$0] } ?? self[part] }

    private mutating func set(_ value: JSONValue?, _ parts: ArraySlice<String>) {
        guard let first = parts.first else {
            self = value ?? .null
            return
        }
        if let index = Int(first), case .array(var elements) = self {
            if parts.count == 1, value == nil {
                elements.remove(at: index)
            } else if index == elements.count {
                elements.append(value ?? .null)
            } else {
                elements[index].set(value, parts.dropFirst())
            }
            self = .array(elements)
        } else if parts.count == 1 {
            self[first] = value
        } else {
            var child = self[first] ?? [:]
            child.set(value, parts.dropFirst())
            self[first] = child
        }
    }
}
