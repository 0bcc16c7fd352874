import JSON
import Resources

/// A token in a file of a pod, and when it is time for the next.
///
/// Tokens carry dates, so here the date decides; one that jumped makes new tokens at once.
struct PodToken: Sendable, Hashable {
    /// What a `serviceAccountToken` source of a projected volume asks for.
    struct Source: Sendable, Hashable {
        /// Empty for this API.
        var audience: String
        var seconds: Int64

        init(_ source: JSONValue) {
            audience = source["audience"]?.stringValue ?? ""
            seconds = Int64(source["expirationSeconds"]?.intValue ?? 3600)
        }
    }

    var text: String
    /// Unix seconds.
    var issuedAt: Int64
    var lifetime: Int64

    private static let day: Int64 = 86_400

    /// After three quarters of its life, or a day: looked at every 15 s, it is replaced before 80 %, as the kubelet does.
    func isDue(at now: Int64) -> Bool {
        now >= issuedAt + min(lifetime / 4 * 3, Self.day) || now < issuedAt - 30
    }

    static func sources(of pod: Pod) -> Set<Source> { Set((pod.spec.volumes ?? []).flatMap(\.tokenSources)) }
}

extension Volume {
    /// The tokens that are asked for in it.
    var tokenSources: [PodToken.Source] { projectedSources.compactMap(\.tokenSource) }
}

extension JSONValue {
    /// What this source of a projected volume asks of a token; nil when it is another kind of source.
    var tokenSource: PodToken.Source? {
        guard let source = self["serviceAccountToken"], !source.isNull else { return nil }
        return PodToken.Source(source)
    }
}
