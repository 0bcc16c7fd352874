import Resources

/// The quality-of-service class that Kubernetes derives from a pod's requests and limits.
enum QualityOfService {
    static func name(of spec: PodSpec) -> String {
        let names = ["cpu", "memory"]
        var isGuaranteed = true
        var hasAny = false
        for container in spec.containers + (spec.initContainers ?? []) {
            for name in names {
                let limit = container.resources?.limits?[name].flatMap { $0.isZero ? nil : $0 }
                let request = container.resources?.requests?[name].flatMap { $0.isZero ? nil : $0 }
                if limit != nil || request != nil { hasAny = true }
                guard let limit, request == nil || request == limit else {
                    isGuaranteed = false
                    continue
                }
            }
        }
        if !hasAny { return "BestEffort" }
        return isGuaranteed ? "Guaranteed" : "Burstable"
    }
}
