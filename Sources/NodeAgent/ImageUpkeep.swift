public import Images
public import ServiceLifecycle

/// Looks after the image store while the daemon runs: checks, repairs, and room on the disk.
public struct ImageUpkeep: Service {
    private let images: ImageStore

    public init(images: ImageStore) { self.images = images }

    public func run() async {
        let images = images
        await cancelWhenGracefulShutdown { await images.upkeep() }
    }
}
