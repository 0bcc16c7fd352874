extension ImageStore {
    /// Writes a container's whole file system as a tar: its image's layers with what it changed.
    ///
    /// Mounts are none of it, as with Docker: volumes, `/proc` and the like are empty directories in it.
    /// - Parameter layers: Directories of the overlay, topmost first.
    public nonisolated func export(layers: [String], to sink: ByteSink) async throws(ImageError) {
        let thread = ArchiveThread()
        do {
            try await thread.openTree(layers, .merged)
            while let bytes = try await thread.nextOfTree() { try await sink(bytes) }
        } catch {
            throw ImageError(wrapping: error).during("cannot export the container")
        }
    }
}
