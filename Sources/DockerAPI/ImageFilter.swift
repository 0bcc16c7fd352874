internal import HTTPTypes
internal import Images
internal import Linux
internal import OCI

/// The `filters` of a list or prune of images; all of them must hold.
struct ImageFilter: Sendable {
    /// Of names; empty for any.
    let patterns: [String]
    private let isDangling: Bool?
    private let labels: [String]
    private let forbiddenLabels: [String]
    private let before: Moment?
    private let since: Moment?
    private let until: Moment?

    /// When an image was built.
    private struct Moment: Comparable {
        let seconds: Int64
        let nanoseconds: Int32

        init(_ image: Image) {
            let date = RFC3339.parse(image.created) ?? (0, 0)
            (seconds, nanoseconds) = (date.seconds, date.nanoseconds)
        }

        init(seconds: Int64) { (self.seconds, nanoseconds) = (seconds, 0) }

        static func < (a: Moment, b: Moment) -> Bool { (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds) }
    }

    /// - Parameters:
    ///   - known: The filters that this call takes.
    ///   - required: Finds the image of a `before` or `since`.
    init(
        _ filters: [String: [String]], known: Set<String>, required: (String) async throws -> Image
    ) async throws {
        if let unknown = filters.keys.sorted().first(where: { !known.contains($0) }) {
            throw DockerFailure(.badRequest, "invalid filter '\(unknown)'")
        }
        patterns = filters["reference"] ?? []
        labels = filters["label"] ?? []
        forbiddenLabels = filters["label!"] ?? []
        isDangling = try filters["dangling"]?.first.map(Self.flag)
        before = try await Self.moment(filters["before"], required)
        since = try await Self.moment(filters["since"], required)
        until = try filters["until"]?.first.map { text in
            guard let seconds = Timestamp.parse(text, now: WallClock.now().seconds) else {
                throw DockerFailure(.badRequest, "invalid filter 'until=\(text)': not a time and not a duration")
            }
            return Moment(seconds: seconds)
        }
    }

    private static func moment(
        _ names: [String]?, _ required: (String) async throws -> Image
    ) async throws -> Moment? {
        guard let name = names?.first else { return nil }
        return Moment(try await required(name))
    }

    private static func flag(_ text: String) throws -> Bool {
        switch text.lowercased() {
        case "1", "t", "true": return true
        case "0", "f", "false": return false
        default: throw DockerFailure(.badRequest, "invalid filter 'dangling=\(text)'")
        }
    }

    /// Nil when the filter is not given.
    var dangling: Bool? { isDangling }

    func accepts(_ image: Image) -> Bool {
        if let isDangling, isDangling != image.references.isEmpty { return false }
        return acceptsIgnoringNames(image)
            && (patterns.isEmpty
                || patterns.contains { pattern in image.references.contains { Self.name($0, fits: pattern) } })
    }

    func acceptsIgnoringNames(_ image: Image) -> Bool {
        let built = Moment(image)
        if let before, built >= before { return false }
        if let since, built <= since { return false }
        if let until, built > until { return false }
        return labels.allSatisfy { Self.has($0, image) } && !forbiddenLabels.contains { Self.has($0, image) }
    }

    /// `KEY` or `KEY=VALUE`.
    private static func has(_ label: String, _ image: Image) -> Bool {
        let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let value = image.config.config?.labels?[parts[0]] else { return false }
        return parts.count == 1 || parts[1] == value
    }

    /// `busybox` fits every tag of it, `busybox:1*` those that begin so; `*` does not match a slash.
    static func name(_ familiar: String, fits pattern: String) -> Bool {
        guard let reference = try? ImageReference(parsing: familiar) else { return false }
        return [familiar, reference.familiarName, reference.name, reference.description].contains {
            Glob.matches(Array(pattern.utf8)[...], Array($0.utf8)[...])
        }
    }
}

/// Points in time as Docker's filters write them.
enum Timestamp {
    /// Seconds since 1970 of RFC 3339, a date, a number of seconds since 1970, or a duration before now (`24h`, `1h30m`).
    static func parse(_ text: String, now: Int64) -> Int64? {
        if let date = RFC3339.parse(text) ?? RFC3339.parse(text + "Z") ?? RFC3339.parse(text + "T00:00:00Z") {
            return date.seconds
        }
        if let seconds = Double(text), seconds.isFinite, abs(seconds) < 1e15 { return Int64(seconds) }
        return duration(text).map { now - $0 }
    }

    private static let units: [(name: String, seconds: Double)] = [
        ("ms", 0.001), ("us", 0.000_001), ("ns", 0.000_000_001), ("h", 3600), ("m", 60), ("s", 1),
    ]

    private static func duration(_ text: String) -> Int64? {
        var rest = text[...]
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest[digits.endIndex...]
            guard let value = Double(digits), let unit = units.first(where: { rest.hasPrefix($0.name) }) else {
                return nil
            }
            total += value * unit.seconds
            rest = rest.dropFirst(unit.name.count)
        }
        return total < 1e12 ? Int64(total) : nil
    }
}
