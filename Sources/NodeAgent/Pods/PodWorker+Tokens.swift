import Linux
import Resources

extension PodWorker {
    /// The tokens that the pod's volumes hold, new where it is time.
    /// - Throws: in the kubelet's words when one cannot be had.
    func currentTokens(_ pod: Pod) async throws -> [PodToken.Source: PodToken] {
        let now = WallClock.now().seconds
        for source in PodToken.sources(of: pod) where tokens[source]?.isDue(at: now) ?? true {
            do {
                let text = try await context.api.issueToken(request(source, pod))
                tokens[source] = PodToken(text: text, issuedAt: now, lifetime: source.seconds)
            } catch {
                throw ConfigurationError(message: "failed to fetch token: \(error)")
            }
        }
        return tokens
    }

    private func request(_ source: PodToken.Source, _ pod: Pod) -> PodTokenRequest {
        PodTokenRequest(
            pod: key, podUID: uid, account: pod.spec.serviceAccountName ?? PodIdentity.defaultAccount,
            audience: source.audience, seconds: source.seconds)
    }

    /// Puts new tokens in place of those whose time comes. One that cannot be had is tried for every five minutes: each failure is an
    /// event, and may be told to a hub.
    func renewTokens(at now: Int64) async {
        let moment = context.clock.now()
        guard moment >= renewalRestsUntil, tokens.values.contains(where: { $0.isDue(at: now) }) else { return }
        await refreshVolumes()
        if tokens.values.contains(where: { $0.isDue(at: now) }) { renewalRestsUntil = moment + .seconds(300) }
    }
}

extension PodSupervisor {
    /// Called now and then: a token that is due waits for the next call.
    func renewTokens() async {
        let now = WallClock.now().seconds
        for worker in workers.values { await worker.renewTokens(at: now) }
    }
}
