/// What a pod's state machine must know of its specification; everything else stays with the shell that performs effects.
struct PodPlan: Sendable, Hashable {
    enum RestartPolicy: String, Sendable, Hashable { case always = "Always", onFailure = "OnFailure", never = "Never" }

    /// `name_namespace(uid)`, as the kubelet's messages have it.
    var displayName = ""
    /// `namespace/name`
    var qualifiedName = ""
    var restartPolicy: RestartPolicy = .always
    var terminationGracePeriod: Duration = .seconds(30)
    /// How long the pod may be active in all.
    var activeDeadline: Duration?
    var initContainers: [ContainerPlan] = []
    var containers: [ContainerPlan] = []
    /// Added while the pod runs; they run once.
    var ephemeralContainers: [ContainerPlan] = []
}

struct ContainerPlan: Sendable, Hashable {
    enum PullPolicy: String, Sendable, Hashable {
        case always = "Always", ifNotPresent = "IfNotPresent", never = "Never"
    }

    var name: String
    var image: String
    /// Hash over everything in the container's specification whose change needs a new container.
    var specHash: String = ""
    var pullPolicy: PullPolicy = .ifNotPresent
    /// An init container with `restartPolicy: Always`: started in order, then kept running beside the pod's containers.
    var isSidecar = false
    var startup: ProbePlan?
    var liveness: ProbePlan?
    var readiness: ProbePlan?
    var hasPostStart = false
    var hasPreStop = false
}

enum ProbeKind: String, Sendable, Hashable, CaseIterable {
    case startup = "Startup", liveness = "Liveness", readiness = "Readiness"
}

struct ProbePlan: Sendable, Hashable {
    var action: HandlerAction
    var initialDelay: Duration = .zero
    var period: Duration = .seconds(10)
    var timeout: Duration = .seconds(1)
    var successThreshold = 1
    var failureThreshold = 3
    /// Overrides the pod's grace period when this probe kills the container.
    var terminationGracePeriod: Duration?
}

/// What a probe or a lifecycle hook does; named ports are already resolved.
enum HandlerAction: Sendable, Hashable {
    struct HTTP: Sendable, Hashable {
        var scheme: String = "HTTP"
        var host: String?
        var port: Int
        var path: String = "/"
        var headers: [Header] = []
    }

    struct Header: Sendable, Hashable {
        var name: String
        var value: String
    }

    case exec([String])
    case http(HTTP)
    case tcp(host: String?, port: Int)
    case sleep(Duration)
    /// Something this agent can't do; the text says what.
    case unsupported(String)
}
