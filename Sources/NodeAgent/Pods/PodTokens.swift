import Resources

/// The tokens that the files of one pod hold.
struct PodTokens: Sendable {
    private var written: [PodToken.Source: PodToken] = [:]

    /// What is to be in the files, and why something of it is missing or old.
    struct Next: Sendable {
        var tokens: [PodToken.Source: PodToken]
        var failure: ConfigurationError?
    }

    /// The tokens as they are, new where it is time. One that cannot be had leaves the present one, so that the other files of its
    /// volume can follow their objects.
    func next(
        for pod: Pod, at now: Int64, issue: (PodToken.Source) async throws -> String
    ) async -> Next {
        var next = Next(tokens: written)
        for source in PodToken.sources(of: pod) where written[source]?.isDue(at: now) ?? true {
            do {
                let text = try await issue(source)
                next.tokens[source] = PodToken(text: text, issuedAt: now, lifetime: source.seconds)
            } catch {
                if next.failure == nil {
                    next.failure = ConfigurationError(message: "failed to fetch token: \(error)")
                }
            }
        }
        return next
    }

    /// Takes note of what is in the files now. A token that is missing in one of its volumes stays due.
    mutating func wrote(_ tokens: [PodToken.Source: PodToken], of pod: Pod, except failed: Set<String> = []) {
        let volumes = pod.spec.volumes ?? []
        let missing = Set(volumes.filter { failed.contains($0.name) }.flatMap(\.tokenSources))
        for (source, token) in tokens where !missing.contains(source) { written[source] = token }
    }

    func areDue(at now: Int64) -> Bool { written.values.contains { $0.isDue(at: now) } }
}
