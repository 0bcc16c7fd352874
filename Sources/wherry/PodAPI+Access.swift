import Access
import HTTPServing
import JSON
import NodeAgent
import Resources

extension PodAPI {
    /// This daemon's API: tokens of its own signer, and the address of its listener.
    init(_ tokens: ServiceAccountTokens, at address: @escaping @Sendable () -> ListenAddress?) {
        self.init(
            issueToken: { request in
                let bound: JSONValue = [
                    "kind": "Pod", "apiVersion": "v1", "name": .string(request.pod.name),
                    "uid": .string(request.podUID),
                ]
                var spec: JSONValue = ["expirationSeconds": .integer(request.seconds), "boundObjectRef": bound]
                if !request.audience.isEmpty { spec["audiences"] = [.string(request.audience)] }
                let account = ServiceAccountName(namespace: request.pod.namespace ?? "", name: request.account)
                let answer = try await tokens.issue(["spec": spec], for: account)
                return answer[path: "status", "token"]?.stringValue ?? ""
            },
            address: {
                guard let address = address() else { return nil }
                switch address.host {
                case "0.0.0.0": return ("127.0.0.1", address.port)
                case "::": return ("::1", address.port)
                default: return (address.host, address.port)
                }
            })
    }
}
