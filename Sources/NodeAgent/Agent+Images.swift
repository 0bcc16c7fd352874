public import ContainerEngine

extension Agent {
    /// The ids of the images that containers on this machine were made from, so that none is removed under them.
    public static func imagesInUse(by engine: Engine) async -> Set<String> {
        Set(await engine.list().map(\.imageID).filter { !$0.isEmpty })
    }
}
