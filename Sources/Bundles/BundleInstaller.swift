public import DeviceLink
internal import FleetProtocol
public import Images
internal import Linux
public import Logging
internal import OCI
public import ResourceStore
public import SQLite
public import ServiceLifecycle

/// Installs bundles on a device, one at a time: everything is checked before anything is used, objects and number are
/// committed at once, and what does not become ready goes back.
///
/// An installation belongs to the agent and not to whoever asked for it: it goes on when the command line is gone. What a
/// crash leaves unjudged is judged by the next agent.
public actor BundleInstaller: Service {
    /// The tables of `state.db`, for `Store.init`.
    public static var migrations: [Migration] { BundleRevision.migrations }

    /// What is told of an installation.
    public enum Update: Sendable {
        case progress(String)
        /// The last one. The receipt, in its envelope, is there whenever the bundle could be read.
        case finished(receipt: [UInt8]?, error: BundleError?)
    }

    /// How long workloads are waited for.
    public struct Patience: Sendable {
        /// Until they are ready.
        public var wait: Duration = .seconds(300)
        /// How long they must stay so.
        public var soak: Duration = .seconds(10)

        public init() {}
    }

    struct Job: Sendable {
        let path: String
        let patience: Patience
        let updates: AsyncStream<Update>.Continuation

        func tell(_ text: String) { updates.yield(.progress(text)) }
    }

    let store: Store
    let images: ImageStore
    let link: HubLink
    let dataDirectory: String
    let nodeName: String
    let agentVersion: String
    let clock: any Clock<Duration>
    let logger: Logger
    let thread = BundleThread()
    private let jobs = AsyncStream<Job>.makeStream()
    private var isBusy = false

    /// - Parameters:
    ///   - store: Opened with ``migrations`` and those of `HubLink`.
    ///   - dataDirectory: Holds `bundle-keys/` and the device's identity.
    public init(
        store: Store, images: ImageStore, link: HubLink, dataDirectory: String, nodeName: String, agentVersion: String,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.store = store
        self.images = images
        self.link = link
        self.dataDirectory = dataDirectory
        self.nodeName = nodeName
        self.agentVersion = agentVersion
        self.clock = clock
        self.logger = logger
    }

    /// Begins an installation; what happens comes as updates.
    ///
    /// - Throws: ``BundleError`` with code `busy` while another one is under way.
    public func install(path: String, patience: Patience = Patience()) throws(BundleError) -> AsyncStream<Update> {
        guard !isBusy else {
            throw BundleError(.busy, "another bundle is being installed on this device; wait for its end")
        }
        isBusy = true
        let (updates, continuation) = AsyncStream.makeStream(of: Update.self, bufferingPolicy: .bufferingNewest(64))
        jobs.continuation.yield(Job(path: path, patience: patience, updates: continuation))
        return updates
    }

    /// Installs until the service group shuts down.
    public func run() async throws {
        let jobs = jobs.stream
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.judgeWhatIsLeft() }
                for await job in jobs { await self.perform(job) }
                group.cancelAll()
            }
        }
    }

    private func perform(_ job: Job) async {
        let (receipt, error) = await result(of: job)
        if let error {
            logger.warning(
                "bundle not installed",
                metadata: ["bundle": "\(job.path)", "code": "\(error.code.rawValue)", "error": "\(error)"])
        }
        isBusy = false
        job.updates.yield(.finished(receipt: receipt, error: error))
        job.updates.finish()
    }

    private func result(of job: Job) async -> (receipt: [UInt8]?, error: BundleError?) {
        let reader: BundleReader
        do {
            job.tell("Verifying who signed \(job.path)")
            reader = try await thread.open(job.path, trust: try trust())
        } catch {
            return (nil, BundleError(wrapping: error))
        }
        let name = "bundle \(reader.manifest.name)"
        var verdict: Verdict
        do { verdict = try await install(reader, job) } catch {
            verdict = Verdict(result: .refused, error: BundleError(wrapping: error))
        }
        if let error = verdict.error, !error.message.hasPrefix("bundle ") { verdict.error = error.during(name) }
        do { return (try await receipt(of: reader, verdict), verdict.error) } catch {
            logger.error("no receipt of a bundle", metadata: ["bundle": "\(job.path)", "error": "\(error)"])
            return (nil, verdict.error)
        }
    }

    /// How an installation ended.
    struct Verdict: Sendable {
        var result: BundleReceipt.Result
        var error: BundleError?
        var revision: Revision?
        var document: Document?
    }

    private func install(_ reader: BundleReader, _ job: Job) async throws -> Verdict {
        let prepared = try await preflight(reader, job)
        let reservation = try await images.reserve(prepared.images, carried: reader.carriedBlobs)
        do {
            try await images.add(
                prepared.images, from: { reader.slice(of: $0) }, beginning: { job.tell("Loading \($0)") })
            let verdict =
                if let delivery = prepared.delivery {
                    try await deliver(delivery, job)
                } else {
                    try await tryOut(prepared, job)
                }
            await images.endReservation(reservation)
            return verdict
        } catch {
            await images.endReservation(reservation)
            throw error
        }
    }

    // MARK: Facts

    /// What is installed, by name.
    public func installed() async throws(BundleError) -> [(
        name: String, sequence: Int64, digest: String, state: String
    )] {
        do {
            return try await store.withDatabase { try BundleRevision.all($0) }.map {
                ($0.name, $0.current.sequence, $0.current.digest, $0.state.rawValue)
            }
        } catch {
            throw BundleError(wrapping: error)
        }
    }

    private func identity() throws -> DeviceIdentity? {
        DeviceIdentity.isPresent(in: dataDirectory) ? try DeviceIdentity.load(from: dataDirectory) : nil
    }

    private func trust() throws -> BundleTrust {
        try BundleTrust.load(dataDirectory: dataDirectory, hub: try identity()?.trust)
    }

    /// The device's name to bundles: the one it has in its fleet, or else its node's.
    func deviceName() throws -> String { try identity()?.device.text ?? nodeName }

    func now() async -> TrustedTime { DeviceClock.later(DeviceClock.now(), await link.trustedTime()) }

    private func receipt(of reader: BundleReader, _ verdict: Verdict) async throws -> [UInt8] {
        let manifest = reader.manifest
        var receipt = BundleReceipt(
            bundle: manifest.name, sequence: manifest.sequence, digest: reader.digest.description,
            device: try deviceName(), result: verdict.result, code: verdict.error?.code.rawValue,
            message: verdict.error?.message, revision: verdict.revision, time: WallClock.now().seconds,
            timeQuality: await now().quality, agent: agentVersion)
        if let document = verdict.document { receipt.objects = try await states(of: document) }
        let payload = try receipt.payload()
        guard let identity = try identity() else {
            return SignedEnvelope(payloadType: BundleReceipt.payloadType, payload: payload, signatures: []).serialized()
        }
        return try identity.sign(payloadType: BundleReceipt.payloadType, payload).serialized()
    }
}
