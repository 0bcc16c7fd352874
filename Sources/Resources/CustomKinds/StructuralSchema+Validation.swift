import JSON

extension StructuralSchema {
    /// Notes what is wrong with a value that has its defaults, in the words of kube-apiserver.
    ///
    /// - Parameter former: what stood there before. What did not change since is not judged anew, by a schema that may have
    ///   become stricter.
    func validate(
        _ value: JSONValue, _ path: FieldTrail = .root, former: JSONValue? = nil, into errors: inout FieldErrors
    ) {
        var budget = TextPattern.budget
        validate(value, path, former: former, budget: &budget, into: &errors)
    }

    /// The same with a budget of steps that others draw on, too.
    func validate(
        _ value: JSONValue, _ path: FieldTrail, former: JSONValue?, budget: inout Int, into errors: inout FieldErrors
    ) {
        if isNullable, value.isNull { return }
        if let former, former == value { return }
        guard hasType(value) else {
            errors.wrongType(path.text, Self.typeName(of: value), wanted: isIntOrString ? "integer,string" : type)
            return
        }
        // Null without a type to have: nothing else can be said of it.
        if value.isNull { return }
        limits?.validate(value, path, budget: &budget, into: &errors)
        switch value {
        case .object(let members): validate(members, path, former, &budget, into: &errors)
        case .array(let elements): validate(elements, path, former, &budget, into: &errors)
        default: break
        }
        validateCombinations(value, path, former, &budget, into: &errors)
    }

    private func hasType(_ value: JSONValue) -> Bool {
        if isIntOrString { return value.stringValue != nil || Self.isInteger(value) }
        switch type {
        case "": return true
        case "integer": return Self.isInteger(value)
        case "number": return value.doubleValue != nil
        default: return Self.typeName(of: value) == type
        }
    }

    private static func isInteger(_ value: JSONValue) -> Bool {
        switch value {
        case .integer: true
        case .number(let number): number.rounded() == number
        default: false
        }
    }

    static func typeName(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    private func validate(
        _ members: [String: JSONValue], _ path: FieldTrail, _ former: JSONValue?, _ budget: inout Int,
        into errors: inout FieldErrors
    ) {
        var missing = required
        if isEmbedded { missing += ["apiVersion", "kind"].filter { !required.contains($0) } }
        for name in missing where members[name] == nil { errors.required(path.member(name).text) }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            (properties[name] ?? additional)?.validate(
                member, path.member(name), former: former?[name], budget: &budget, into: &errors)
        }
    }

    private func validate(
        _ elements: [JSONValue], _ path: FieldTrail, _ former: JSONValue?, _ budget: inout Int,
        into errors: inout FieldErrors
    ) {
        if let items {
            let known = listType == "map" ? keyed(former?.arrayValue ?? []) : [:]
            for (index, element) in elements.enumerated() {
                // Elements without a name cannot be told from their neighbours: the list changed as one.
                let former = known.isEmpty ? nil : known[key(of: element)]
                items.validate(element, path[index], former: former, budget: &budget, into: &errors)
            }
        }
        guard listType == "set" || listType == "map" else { return }
        var seen: Set<JSONValue> = []
        for (index, element) in elements.enumerated() {
            let name = listType == "set" ? element : key(of: element)
            if !seen.insert(name).inserted { errors.duplicate(path[index].text, name) }
        }
    }

    private func keyed(_ elements: [JSONValue]) -> [JSONValue: JSONValue] {
        Dictionary(elements.map { (key(of: $0), $0) }) { first, _ in first }
    }

    /// What names an element of a `map` list.
    func key(of element: JSONValue) -> JSONValue {
        var key: [String: JSONValue] = [:]
        for name in listKeys { key[name] = element[name] }
        return .object(key)
    }

    // MARK: Combinations

    private func validateCombinations(
        _ value: JSONValue, _ path: FieldTrail, _ former: JSONValue?, _ budget: inout Int,
        into errors: inout FieldErrors
    ) {
        guard !anyOf.isEmpty || !oneOf.isEmpty || !allOf.isEmpty || negated != nil else { return }
        func faults(_ schema: StructuralSchema, _ former: JSONValue?) -> FieldErrors {
            var own = FieldErrors()
            schema.validate(value, path, former: former, budget: &budget, into: &own)
            return own
        }
        /// Of several sets of faults the smallest: what is probably meant.
        func nearest(_ attempts: [FieldErrors]) -> FieldErrors? {
            attempts.min { $0.causes.count < $1.causes.count }
        }
        if !anyOf.isEmpty {
            let attempts = anyOf.map { faults($0, former) }
            if !attempts.contains(where: \.causes.isEmpty) {
                errors.combination(path.text, "must validate at least one schema (anyOf)")
                if let nearest = nearest(attempts) { errors.append(nearest) }
            }
        }
        if !oneOf.isEmpty {
            // What was overlooked in one of them could make two of them hold.
            let attempts = oneOf.map { faults($0, nil) }
            let good = attempts.count(where: \.causes.isEmpty)
            if good == 0 {
                errors.combination(path.text, "must validate one and only one schema (oneOf). Found none valid")
                if let nearest = nearest(attempts) { errors.append(nearest) }
            } else if good > 1 {
                errors.combination(
                    path.text, "must validate one and only one schema (oneOf). Found \(good) valid alternatives")
            }
        }
        if !allOf.isEmpty {
            let bad = allOf.map { faults($0, former) }.filter { !$0.causes.isEmpty }
            for attempt in bad { errors.append(attempt) }
            if !bad.isEmpty {
                errors.combination(
                    path.text,
                    "must validate all the schemas (allOf)\(bad.count == allOf.count ? ". None validated" : "")")
            }
        }
        if let negated, faults(negated, nil).causes.isEmpty {
            errors.combination(path.text, "must not validate the schema (not)")
        }
    }
}

extension StructuralSchema.Limits {
    fileprivate func validate(
        _ value: JSONValue, _ path: FieldTrail, budget: inout Int, into errors: inout FieldErrors
    ) {
        if !allowed.isEmpty, !allowed.contains(where: { Self.equal($0, value) }) {
            errors.notSupported(path.text, value, allowed)
        }
        switch value {
        case .integer, .number: validate(number: value, path, into: &errors)
        case .string(let text): validate(text: text, path, &budget, into: &errors)
        case .array(let elements):
            if let minItems, elements.count < minItems {
                errors.body(path.text, value, "should have at least \(minItems) items")
            }
            if let maxItems, elements.count > maxItems { errors.tooMany(path.text, elements.count, limit: maxItems) }
            if hasUniqueItems, Set(elements).count < elements.count {
                errors.body(path.text, value, "shouldn't contain duplicates")
            }
        case .object(let members):
            if let minProperties, members.count < minProperties {
                errors.body(path.text, value, "should have at least \(minProperties) properties")
            }
            if let maxProperties, members.count > maxProperties {
                errors.body(path.text, value, "should have at most \(maxProperties) properties")
            }
        default: break
        }
    }

    /// `1` and `1.0` are one number.
    private static func equal(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if a == b { return true }
        guard let a = a.doubleValue, let b = b.doubleValue else { return false }
        return a == b
    }

    private func validate(number value: JSONValue, _ path: FieldTrail, into errors: inout FieldErrors) {
        guard let number = value.doubleValue else { return }
        if let multipleOf, multipleOf > 0 {
            let factor = number / multipleOf
            if abs(factor - factor.rounded()) > 1e-9 * max(1, abs(factor)) {
                errors.body(path.text, value, "should be a multiple of \(GoNumber.text(multipleOf))")
            }
        }
        if let maximum, excludesMaximum ? number >= maximum : number > maximum {
            errors.body(
                path.text, value,
                "should be less than \(excludesMaximum ? "" : "or equal to ")\(GoNumber.text(maximum))")
        }
        if let minimum, excludesMinimum ? number <= minimum : number < minimum {
            errors.body(
                path.text, value,
                "should be greater than \(excludesMinimum ? "" : "or equal to ")\(GoNumber.text(minimum))")
        }
        let range: ClosedRange<Double>? =
            switch format {
            case "int32": Double(Int32.min)...Double(Int32.max)
            case "uint32": 0...Double(UInt32.max)
            case "int64": -0x1p63...0x1p63
            default: nil
            }
        if let range, !range.contains(number) {
            errors.body(path.text, value, "must be of type integer with format \(format)", prefix: "Checked value ")
        }
    }

    private func validate(
        text: String, _ path: FieldTrail, _ budget: inout Int, into errors: inout FieldErrors
    ) {
        let count = text.unicodeScalars.count
        if let maxLength, count > maxLength { errors.tooLong(path.text, maxBytes: maxLength) }
        if let minLength, count < minLength {
            errors.body(path.text, .string(text), "should be at least \(minLength) chars long")
        }
        if let pattern {
            switch pattern.compiled.matches(text, budget: &budget) {
            case true?: break
            case false?: errors.body(path.text, .string(text), "should match '\(pattern.text)'")
            case nil:
                errors.body(
                    path.text, .string(text), "should match '\(pattern.text)', which takes too long to find out")
            }
        }
        if let holds = TextFormat.named(format), !holds(text) { errors.wrongFormat(path.text, text, format) }
    }
}
