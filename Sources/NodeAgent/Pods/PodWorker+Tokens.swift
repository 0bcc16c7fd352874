import Linux
import Resources

extension PodWorker {
    /// What the pod's volumes are to hold now; see ``PodTokens/next(for:at:issue:)``.
    func nextTokens(_ pod: Pod) async -> PodTokens.Next {
        let context = context
        return await tokens.next(for: pod, at: WallClock.now().seconds) { source in
            try await context.api.issueToken(request(source, pod))
        }
    }

    private nonisolated func request(_ source: PodToken.Source, _ pod: Pod) -> PodTokenRequest {
        PodTokenRequest(
            pod: key, podUID: uid, account: pod.spec.serviceAccountName ?? PodIdentity.defaultAccount,
            audience: source.audience, seconds: source.seconds)
    }

    /// Puts new tokens in place of those whose time comes. One that cannot be had is tried for every five minutes: each failure is an
    /// event, and may be told to a hub.
    func renewTokens(at now: Int64) async {
        let moment = context.clock.now()
        guard moment >= renewalRestsUntil, tokens.areDue(at: now) else { return }
        await refreshVolumes()
        if tokens.areDue(at: now) { renewalRestsUntil = moment + .seconds(300) }
    }
}

extension PodSupervisor {
    /// Called now and then: a token that is due waits for the next call.
    func renewTokens() async {
        let now = WallClock.now().seconds
        for worker in workers.values { await worker.renewTokens(at: now) }
    }
}
