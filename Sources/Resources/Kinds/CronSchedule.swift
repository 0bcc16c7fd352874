/// The text of a CronJob's schedule: five fields, or a macro such as `@hourly`.
enum CronSchedule {
    private struct Field {
        let range: ClosedRange<Int>
        var names: [String] = []
    }

    private static let fields = [
        Field(range: 0...59), Field(range: 0...23), Field(range: 1...31),
        Field(
            range: 1...12,
            names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
        Field(range: 0...6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
    ]
    private static let macros: Set<String> = [
        "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
    ]

    /// What is wrong with a schedule, in the words of the library that Kubernetes uses; nil when it is good.
    static func fault(_ text: String) -> String? {
        if text.contains("TZ") { return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead" }
        if text.hasPrefix("@") {
            let isKnown = macros.contains(text) || text.hasPrefix("@every ")
            return isKnown ? nil : "unrecognized descriptor: \(text)"
        }
        let parts = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard parts.count == fields.count else {
            return "expected exactly 5 fields, found \(parts.count): [\(parts.joined(separator: " "))]"
        }
        for (part, field) in zip(parts, fields) {
            for item in part.split(separator: ",", omittingEmptySubsequences: false) {
                if let fault = fault(String(item), field) { return fault }
            }
        }
        return nil
    }

    private static func fault(_ item: String, _ field: Field) -> String? {
        let steps = item.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard steps.count <= 2 else { return "too many slashes: \(item)" }
        if steps.count == 2 {
            guard let step = Int(steps[1]) else { return "failed to parse int from \(steps[1])" }
            if step <= 0 { return "step of range should be a positive number: \(item)" }
        }
        if steps[0] == "*" || steps[0] == "?" { return nil }
        let ends = steps[0].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard ends.count <= 2 else { return "too many hyphens: \(item)" }
        var numbers: [Int] = []
        for end in ends {
            let first = field.range.lowerBound
            guard let number = field.names.firstIndex(of: end.lowercased()).map({ $0 + first }) ?? Int(end) else {
                return "failed to parse int from \(end)"
            }
            numbers.append(number)
        }
        let (low, high) = (numbers[0], numbers[numbers.count - 1])
        if low < field.range.lowerBound {
            return "beginning of range (\(low)) below minimum (\(field.range.lowerBound)): \(item)"
        }
        if high > field.range.upperBound {
            return "end of range (\(high)) above maximum (\(field.range.upperBound)): \(item)"
        }
        return low > high ? "beginning of range (\(low)) beyond end of range (\(high)): \(item)" : nil
    }
}
