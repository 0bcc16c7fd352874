import ContainerEngine
import Images
import Logging
import ResourceStore
import Resources

/// What every pod's worker uses.
struct AgentContext: Sendable {
    let store: Store
    let engine: Engine
    let images: ImageStore
    let api: PodAPI
    let nodeName: String
    let dataDirectory: String
    let volumes: PodVolumes
    let volumeLane: BlockingLane
    let handlers: HandlerRunner
    let clock: AgentClock
    let recorder: EventRecorder
    let node: NodeReporter
    let usage: UsageSampler
    let logger: Logger

    func logDirectory(namespace: String, pod: String, uid: String) -> String {
        "\(dataDirectory)/logs/\(namespace)_\(pod)_\(uid)"
    }
}
