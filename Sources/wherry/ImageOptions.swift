import ArgumentParser
import Images
import NodeAgent
import OCI
import ResourceStore
import Resources

/// How the agent treats its images.
struct ImageOptions: ParsableArguments {
    @Option(
        name: .customLong("image-high-water"),
        help: "Use of the disk, in percent, from which images are removed that no workload needs.")
    var highWater = 85
    @Option(name: .customLong("image-low-water"), help: "Use of the disk, in percent, at which that ends.")
    var lowWater = 80
    @Option(
        name: .customLong("image-minimum-age"), help: "Seconds that an unused image stays at least.")
    var minimumAge = 120
    @Flag(
        name: .customLong("keep-blobs"),
        help: "Keep the compressed layers beside the unpacked ones, so that damage can be repaired without a registry.")
    var keepsBlobs = false

    @Option(
        name: .customLong("image-read-hours"),
        help: ArgumentHelp(
            "Hours for which an image that was read and found right is started without reading it again, where the kernel does not verify files itself (fs-verity); 0 reads it at each start, -1 never."
        ))
    var readHours = 24

    func validate() throws {
        guard readHours >= -1 else { throw ValidationError("--image-read-hours must be -1 or more") }
        guard (1...100).contains(highWater), (0..<highWater).contains(lowWater), minimumAge >= 0 else {
            throw ValidationError(
                "--image-low-water must be below --image-high-water, both between 0 and 100, --image-minimum-age not negative"
            )
        }
    }

    func settings(for directory: String) -> StoreSettings {
        var settings = StoreSettings(for: directory)
        settings.highWaterPercent = highWater
        settings.lowWaterPercent = lowWater
        settings.minimumAge = .seconds(minimumAge)
        settings.keepsBlobs = keepsBlobs
        settings.contentPeriod = readHours < 0 ? nil : .seconds(readHours * 3600)
        return settings
    }
}

extension StoreHooks {
    /// Pins and logins come from the device's objects, findings become events of its Node.
    init(
        store: Store, recorder: EventRecorder, node: ResourceKey,
        pins: @escaping @Sendable () async throws -> PinnedImages
    ) {
        self.init()
        self.pins = pins
        credentials = { try? await Agent.pullCredentials(for: $0, store: store) }
        onFinding = { finding in
            guard finding.outcome != .unverifiable, let object = try? await store.find(node) else { return }
            let isRepaired = finding.outcome == .repaired
            await recorder.record(
                type: isRepaired ? "Normal" : "Warning", reason: isRepaired ? "ImageRepaired" : "ImageDamaged",
                message:
                    "\(finding.part.rawValue) \(finding.digest.short) of \(finding.images.joined(separator: ", ")): "
                    + "\(finding.problem); \(finding.remedy)",
                on: object)
        }
    }
}
