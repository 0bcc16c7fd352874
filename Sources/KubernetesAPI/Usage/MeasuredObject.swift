import JSON
import Linux
import Resources

/// A pod or a node with what it uses, as clients see it.
struct MeasuredObject {
    let type: ResourceType
    let subject: Resource
    let report: UsageReport
    /// Unix seconds.
    let now: Int64

    static func list(_ items: [MeasuredObject], of type: ResourceType, _ shape: ResponseShape) -> JSONValue {
        let values = JSONValue.array(items.map { $0.value(shape) })
        switch shape {
        case .objects:
            return [
                "kind": .string(type.listKind), "apiVersion": .string(type.apiVersion), "metadata": [:],
                "items": values,
            ]
        case .table(let version): return table(items, version)
        case .partialMetadata(let version):
            return [
                "kind": "PartialObjectMetadataList", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": [:],
                "items": values,
            ]
        }
    }

    func value(_ shape: ResponseShape) -> JSONValue {
        switch shape {
        case .objects: return whole
        case .table(let version): return Self.table([self], version)
        case .partialMetadata(let version):
            return [
                "kind": "PartialObjectMetadata", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": metadata,
            ]
        }
    }

    private var metadata: JSONValue {
        var metadata: JSONValue = [
            "name": .string(subject.name), "creationTimestamp": .string(RFC3339.format(seconds: now)),
        ]
        metadata["namespace"] = subject.namespace.map { .string($0) }
        if !subject.labels.isEmpty { metadata["labels"] = .object(subject.labels.mapValues { .string($0) }) }
        return metadata
    }

    private var whole: JSONValue {
        var value: JSONValue = [
            "kind": .string(type.kind), "apiVersion": .string(type.apiVersion), "metadata": metadata,
            "timestamp": .string(RFC3339.format(seconds: report.time)), "window": .string(window),
        ]
        if type.namespaced {
            value["containers"] = .array(
                report.parts.sorted { $0.key < $1.key }.map { name, figures in
                    ["name": .string(name), "usage": Self.usage(figures)]
                })
        } else {
            value["usage"] = Self.usage(total)
        }
        return value
    }

    private static func usage(_ figures: UsageFigures) -> JSONValue {
        var usage: JSONValue = [:]
        usage["cpu"] = figures.nanocores.map { .string(cpu($0)) }
        usage["memory"] = figures.memory.map { .string(memory($0)) }
        return usage
    }

    private static func cpu(_ nanocores: Int64) -> String { "\(nanocores)\(nanocores == 0 ? "" : "n")" }
    private static func memory(_ bytes: Int64) -> String { "\(bytes / 1024)Ki" }

    private var total: UsageFigures {
        func sum(_ figure: KeyPath<UsageFigures, Int64?>) -> Int64? {
            let known = report.parts.values.compactMap { $0[keyPath: figure] }
            return known.isEmpty ? nil : known.reduce(0, +)
        }
        return UsageFigures(nanocores: sum(\.nanocores), memory: sum(\.memory))
    }

    /// As Go prints a duration: `1.002s`, `1m30.5s`.
    private var window: String {
        let (seconds, attoseconds) = report.window.components
        let thousandths = attoseconds / 1_000_000_000_000_000
        var fraction = thousandths == 0 ? "" : ".\(String(1000 + thousandths).dropFirst())"
        while fraction.hasSuffix("0") { fraction.removeLast() }
        let minutes = seconds >= 60 ? "\(seconds / 60)m" : ""
        return "\(minutes)\(seconds % 60)\(fraction)s"
    }

    private static func table(_ items: [MeasuredObject], _ version: String) -> JSONValue {
        func column(_ name: String, _ format: String) -> JSONValue {
            ["name": .string(name), "type": "string", "format": .string(format), "description": "", "priority": 0]
        }
        return [
            "kind": "Table", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": [:],
            "columnDefinitions": [
                column("Name", "name"), column("cpu", "quantity"), column("memory", "quantity"),
                column("Window", "duration"),
            ],
            "rows": .array(
                items.map { item in
                    let total = item.total
                    return [
                        "cells": [
                            .string(item.subject.name), .string(total.nanocores.map(cpu) ?? ""),
                            .string(total.memory.map(memory) ?? ""), .string(item.window),
                        ],
                        "object": item.value(.partialMetadata(version: version)),
                    ]
                }),
        ]
    }
}
