import JSON
import Resources

// What clients send to change objects and to choose among them.

/// A patch, a zero byte, and the object that it is for; its kind is the first byte's.
func applyPatch(_ bytes: [UInt8]) {
    let parts = bytes.dropFirst().split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    guard let choice = bytes.first, parts.count == 2, let patch = try? JSONValue(parsing: Array(parts[0])),
        let document = try? JSONValue(parsing: Array(parts[1])), document.objectValue != nil
    else { return }
    let kinds = Patch.Kind.allCases
    let kind = kinds[Int(choice) % kinds.count]
    let type = ResourceType.all[Int(choice) / kinds.count % ResourceType.all.count]
    func applied(to document: JSONValue) -> JSONValue? {
        try? Patch.apply(kind, patch: patch, to: Resource(value: document, type: type))
    }
    guard let result = applied(to: document) else { return }
    precondition((try? JSONValue(parsing: result.serialized())) == result, "a patched object cannot be read again")
    precondition(applied(to: document) == result, "a patch means now one thing, now another")
    switch kind {
    case .json: check(patch, result)
    case .merge: precondition(applied(to: result) == result, "a merge patch that changes again what it changed")
    case .strategicMerge:
        // An element that met nothing is taken as it is; merged with itself, it may turn out to lack a key further in.
        guard !hasDirective(patch), let again = applied(to: result) else { break }
        precondition(again == result, "a strategic merge patch that changes again what it changed")
    }
}

/// What the last operation put somewhere is there.
private func check(_ patch: JSONValue, _ result: JSONValue) {
    guard let last = patch.arrayValue?.last, let path = last["path"]?.stringValue, !path.hasSuffix("/-"),
        let name = last["op"]?.stringValue, name == "add" || name == "replace", let value = last["value"]
    else { return }
    let test: JSONValue = [["op": "test", "path": .string(path), "value": value]]
    let same = try? Patch.apply(.json, patch: test, to: Resource(value: result, type: .pod))
    precondition(same != nil, "what was put at \(path) is not there")
}

/// Orders, replacements and deletions may ask for something else the second time.
private func hasDirective(_ value: JSONValue) -> Bool {
    switch value {
    case .object(let members): members.contains { $0.key.hasPrefix("$") || hasDirective($0.value) }
    case .array(let elements): elements.contains(where: hasDirective)
    default: false
    }
}

/// A label selector or, after a zero byte, a field selector: what it prints means the same.
func readSelectors(_ bytes: [UInt8]) {
    let labels = ["app": "web", "tier": "front", "n": "5", "in": "", "a.example/b": "x"]
    if bytes.first == 0 {
        let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
        guard let query = try? FieldSelectorQuery(text) else { return }
        precondition((try? FieldSelectorQuery(query.description)) == query, "a field selector that does not read back")
        for type in ResourceType.all { _ = try? query.check(for: type) }
        let pod: JSONValue = ["metadata": ["name": "a"], "spec": ["nodeName": "gw"], "status": ["phase": "Running"]]
        _ = query.matches(Resource(value: pod, type: .pod))
        return
    }
    guard let query = try? LabelSelectorQuery(String(decoding: bytes, as: UTF8.self)) else { return }
    guard let again = try? LabelSelectorQuery(query.description) else {
        preconditionFailure("a label selector that does not read back")
    }
    precondition(again == query, "a label selector that reads back as another one")
    // Each requirement by itself, and all of them.
    let each = query.requirements.allSatisfy { LabelSelectorQuery(requirements: [$0]).matches(labels) }
    precondition(each == query.matches(labels), "requirements that together mean something else")
}
