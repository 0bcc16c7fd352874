import ContainerEngine
import Images
import Linux
import Logging
import OCI
import ResourceStore
import Resources

/// Runs one pod: feeds its state machine with events and performs what the machine wants.
///
/// Events wait in a mailbox and are handled one at a time. Slow effects are child tasks of ``run(history:)`` that put
/// their outcome into the mailbox, so nothing here waits for a pull, a stop or the disk.
actor PodWorker {
    nonisolated let key: ResourceKey
    nonisolated let uid: String
    let context: AgentContext
    private let mailbox: AsyncStream<PodEvent>
    private nonisolated let post: AsyncStream<PodEvent>.Continuation

    private(set) var resource: Resource
    private(set) var pod: Pod
    private var machine: PodMachine?
    /// The times of the ticks that are under way.
    private var armed: Set<Duration> = []
    private var tolerance = TaintTolerance.forever
    private var deletesObject = false

    var sandbox: Sandbox?
    var preparedVolumes: [String: PreparedVolume] = [:]
    var tokens = PodTokens()
    /// After a token that could not be had.
    var renewalRestsUntil = Duration.zero
    var resolvedImages: [String: Image] = [:]
    var pinnedImages: Set<Digest> = []
    /// Whether the pod ran before this agent, or this boot: then its images are taken as they are here.
    private(set) var hasRunBefore: Bool

    var isActiveTimeKept = false
    var pendingView: PodView?
    var isPublishing = false
    private let events: AsyncStream<PodEventRecord>
    private nonisolated let tell: AsyncStream<PodEventRecord>.Continuation
    /// Removed once the status that no longer needs them is stored.
    var discarded: [(container: String, attempt: Int)] = []

    init(resource: Resource, pod: Pod, context: AgentContext) {
        key = resource.key
        uid = resource.uid
        self.resource = resource
        self.pod = pod
        self.context = context
        hasRunBefore = pod.status?.containerStatuses?.contains { !$0.imageID.isEmpty } ?? false
        (mailbox, post) = AsyncStream.makeStream()
        (events, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(100))
    }

    nonisolated func send(_ event: PodEvent) { post.yield(event) }

    /// Records a Kubernetes event on the pod, in order and without holding anything up.
    nonisolated func note(_ event: PodEventRecord) { tell.yield(event) }

    /// Takes a new version of the object: its specification, its deletion, its labels.
    func update(_ resource: Resource, _ pod: Pod) {
        let old = self.pod
        self.resource = resource
        self.pod = pod
        if old.spec != pod.spec { send(.planChanged(PodPlan(pod))) }
        if pod.metadata.deletionTimestamp != nil { send(.deleted(grace: grace(pod))) }
        if old.metadata.labels != pod.metadata.labels || old.metadata.annotations != pod.metadata.annotations,
            pod.spec.volumes?.contains(where: { $0.downwardAPI != nil || $0.projected != nil }) == true
        {
            send(.configurationChanged)
        }
    }

    private func grace(_ pod: Pod) -> Duration {
        .seconds(max(0, pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30))
    }

    /// Whether the pod is on its way to another state, so that its present one needn't be stored.
    var isLaunching: Bool { machine?.isLaunching ?? false }

    /// The number of a container's current attempt, nil for an unknown container.
    func attempt(of container: String) -> Int? { machine?.container(named: container)?.attempt }

    /// Whether a container failed again after a restart: its image may be why.
    func keepsFailing(_ container: String) -> Bool {
        guard let machine = machine?.container(named: container), machine.attempt >= 2 else { return false }
        return machine.last.map { !$0.succeeded } ?? false
    }

    /// Runs the pod until it is gone or the task is cancelled.
    func run(history: [String: ContainerHistory]) async {
        let isCompleted = ["Succeeded", "Failed"].contains(pod.status?.phase ?? "")
        let activeFor = isCompleted ? .zero : await activeTime()
        machine = PodMachine(
            plan: PodPlan(pod), history: history, isCompleted: isCompleted, activeFor: activeFor,
            failure: isCompleted ? PodFailure(pod.status) : nil)
        let events = events
        await withDiscardingTaskGroup { group in
            group.addTask { for await event in events { await self.record(event) } }
            let now = context.clock.now()
            perform(machine?.begin(now: now) ?? [], in: &group)
            if !isCompleted { group.addTask { await self.keepActiveTime(activeFor) } }
            if pod.metadata.deletionTimestamp != nil { send(.deleted(grace: grace(pod))) }
            arm(in: &group)
            for await event in mailbox {
                step(event, in: &group)
                if machine?.stage == .gone { break }
            }
            group.cancelAll()
        }
        if deletesObject { await delete(DeleteOptions(gracePeriodSeconds: 0, uid: uid)) }
    }

    private func step(_ event: PodEvent, in group: inout DiscardingTaskGroup) {
        let effects = machine?.handle(event, now: context.clock.now()) ?? []
        if case .planChanged = event, let elapsed = machine?.activeTime(at: context.clock.now()) {
            group.addTask { await self.keepActiveTime(elapsed) }
        }
        if event == .configurationChanged { group.addTask { await self.refreshVolumes() } }
        perform(effects, in: &group)
        arm(in: &group)
    }

    /// Makes sure that a tick comes at the machine's next deadline. One that comes for nothing finds nothing to do.
    private func arm(in group: inout DiscardingTaskGroup) {
        guard let deadline = machine?.nextDeadline else { return }
        guard !armed.contains(where: { $0 <= deadline }) else { return }
        armed.insert(deadline)
        let clock = context.clock
        group.addTask {
            try? await clock.sleep(max(.zero, deadline - clock.now()))
            await self.tick(deadline)
        }
    }

    private func tick(_ deadline: Duration) {
        armed.remove(deadline)
        send(.tick)
    }

    /// Takes note of the node's taints, or of what the pod tolerates of them now.
    func tolerate(_ taints: [Taint]) {
        let new = Scheduling.tolerance(of: pod, to: taints)
        guard new != tolerance else { return }
        tolerance = new
        send(.toleranceChanged(new))
    }

    private func perform(_ effects: [PodEffect], in group: inout DiscardingTaskGroup) {
        for effect in effects {
            switch effect {
            case .publish(let view):
                pendingView = view
                let wait = isLaunching ? Self.launchPatience : .zero
                group.addTask {
                    if wait > .zero { try? await self.context.clock.sleep(wait) }
                    await self.publishIfIdle()
                }
            case .record(let event): note(event)
            case .discard(let container, let attempt):
                discarded.append((container, attempt))
            case .deleteObject:
                // The last act, after the child tasks: the end of the machine cancels those.
                deletesObject = true
            default:
                group.addTask { await self.perform(effect) }
            }
        }
    }

    /// Effects that take time; their outcome goes into the mailbox.
    private func perform(_ effect: PodEffect) async {
        switch effect {
        case .prepare: send(await prepare())
        case .ensureImage(let container): send(.container(container, await ensureImage(container)))
        case .start(let container, let attempt): await start(container, attempt: attempt)
        case .runPostStart(let container, let attempt): await runPostStart(container, attempt: attempt)
        case .probe(let container, let attempt, let kind): await probe(container, attempt: attempt, kind: kind)
        case .stop(let container, let attempt, let grace, let runPreStop):
            await stop(container, attempt: attempt, grace: grace, runPreStop: runPreStop)
        case .releaseSandbox: await releaseSandbox()
        case .evict: await evict()
        case .tearDown(let removeData):
            await tearDown(removeData: removeData)
            send(.tornDown)
        case .deleteObject, .discard, .record, .publish: break
        }
    }

    func containerID(_ name: String, _ attempt: Int) -> String {
        ContainerBlueprint.containerID(podUID: uid, container: name, attempt: attempt)
    }

    func specification(of name: String) -> Container? {
        pod.spec.everyContainer.first { $0.name == name }
    }

    func logPath(_ container: String, _ attempt: Int) -> String {
        context.logDirectory(namespace: key.namespace ?? "default", pod: key.name, uid: uid)
            + "/\(container)/\(attempt).log"
    }

    var network: PodNetwork { sandbox?.networkNamespace.map { .namespace($0) } ?? .host }
}
