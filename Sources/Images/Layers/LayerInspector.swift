internal import Linux
internal import OCI

/// Checks, mends and rebuilds layers on a thread of its own, so that unpacking does not wait for it.
actor LayerInspector {
    private let executor = ThreadExecutor(name: "wherry-check")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// How fast a check may read.
    struct Pace: Sendable {
        /// Bytes read between two pauses.
        var stride: Int64
        /// Waits after each stride; throws when the check shall end.
        var pause: @Sendable () async throws -> Void

        /// As fast as it goes.
        static let unbounded = Pace(stride: 8 << 20) { try Task.checkCancellation() }
    }

    /// What an inspection found.
    struct Result: Sendable {
        /// A line for each damaged entry, the first hundred.
        var problems: [String]
        var count: Int
        var bytesRead: Int64

        static let sound = Result(problems: [], count: 0, bytesRead: 0)
    }

    /// Compares a layer with its index, which must have the recorded digest.
    func inspect(
        _ layer: String, index: LayerIndexWriter.File, depth: LayerInspection.Depth, pace: Pace = .unbounded
    ) async throws -> Result {
        do {
            guard try LayerIndexFile.measure(LayerIndexFile.path(of: layer)) == index else {
                return Result(problems: ["its index is damaged"], count: 1, bytesRead: index.size)
            }
            let inspection = try LayerInspection(layer: layer, depth: depth)
            while try !inspection.advance(bytes: pace.stride) { try await pace.pause() }
            return Self.result(of: inspection)
        } catch let error as ImageError where error.code == .damaged {
            return Result(problems: [error.message], count: 1, bytesRead: 0)
        } catch let error as SystemError where error.errno == .noEntry || error.errno == .input {
            return Result(problems: ["its index cannot be read: \(error.errno)"], count: 1, bytesRead: 0)
        }
    }

    /// See ``LayerTree/stamp(of:)``.
    func stamp(of layer: String) throws(SystemError) -> UInt64 { try LayerTree.stamp(of: layer) }

    private static func result(of inspection: LayerInspection) -> Result {
        Result(
            problems: inspection.findings.prefix(100).map(\.description), count: inspection.count,
            bytesRead: inspection.bytesRead)
    }

    /// Puts a layer right by the index at `index`.
    ///
    /// - Parameters:
    ///   - donor: The same layer, freshly unpacked; nil when there is none.
    ///   - others: Layers in which files of the same content are looked for.
    /// - Returns: What is still wrong.
    func mend(
        _ layer: String, by index: String, donor: String?, others: [FilePool.Layer], workshop: String
    ) throws -> Result {
        let mending = try LayerMending(layer: layer, workshop: workshop)
        defer { try? Files.removeTree(workshop) }
        // Links to a mended file show as damage only afterwards, and a missing directory hides what lies in it.
        // Findings are bounded, so that more may come; a pass that mends nothing is the last.
        for _ in 0..<100 {
            let findings = try Self.findings(layer, index)
            if findings.isEmpty { break }
            let donorTree = try donor.map { (path: String) throws(SystemError) in try LayerTree(path: path, lower: []) }
            let found = donor == nil ? try Self.locate(findings.map(\.entry), in: others) : [:]
            var mended = 0
            for finding in findings {
                try Task.checkCancellation()
                let isDone = try mending.mend(finding.entry) { entry in
                    if let donorTree { return try donorTree.openFile(entry.path).release() }
                    return try found[entry.digest]?.open(entry)
                }
                if isDone { mended += 1 }
            }
            if mended == 0 { break }
        }
        try LayerUnpacker.sync(layer)
        let inspection = try LayerInspection(layer: layer, index: index, depth: .full)
        while try !inspection.advance(bytes: 64 << 20) { try Task.checkCancellation() }
        return Self.result(of: inspection)
    }

    private static func findings(_ layer: String, _ index: String) throws -> [LayerInspection.Finding] {
        let inspection = try LayerInspection(layer: layer, index: index, depth: .full)
        while try !inspection.advance(bytes: 64 << 20) { try Task.checkCancellation() }
        return inspection.findings
    }

    /// Where files of these contents are in other layers.
    private static func locate(
        _ entries: [LayerEntry], in layers: [FilePool.Layer]
    ) throws -> [[UInt8]: ContentPlaces] {
        let wanted = Set(entries.filter { $0.kind == .file }.map(\.digest))
        var places: [[UInt8]: ContentPlaces] = [:]
        for layer in layers where !wanted.isEmpty {
            guard let reader = try? LayerIndexReader(path: LayerIndexFile.path(of: layer.directory)) else { continue }
            while let record = try? reader.next() {
                guard case .entry(let entry) = record, entry.kind == .file, wanted.contains(entry.digest) else {
                    continue
                }
                places[entry.digest, default: ContentPlaces()].paths.append((layer.directory, entry))
            }
        }
        return places
    }

    /// Writes a layer's tar stream to a new file.
    func rebuild(_ layer: String, diffID: Digest, to path: String) throws(ImageError) {
        try LayerRebuild.write(layer: layer, diffID: diffID, to: path)
    }

    /// The digest of a blob's content, read at a pace.
    func digest(of path: String, pace: Pace = .unbounded) async throws -> Digest {
        let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NOATIME)
        _ = posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
        var hasher = ContentHasher()
        var sincePause: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = try systemCall("read", on: path) {
                buffer.withUnsafeMutableBytes { read(file.rawValue, $0.baseAddress, $0.count) }
            }
            if count == 0 { return hasher.finish() }
            buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            sincePause += Int64(count)
            if sincePause >= pace.stride {
                sincePause = 0
                try await pace.pause()
            }
        }
    }
}

/// Files that should have a content; the first whose bytes still do is good.
private struct ContentPlaces {
    var paths: [(layer: String, entry: LayerEntry)] = []

    func open(_ wanted: LayerEntry) throws -> Int32? {
        for place in paths where place.entry.extents == wanted.extents {
            guard let tree = try? LayerTree(path: place.layer, lower: []),
                let file = try? tree.openFile(place.entry.path)
            else { continue }
            // One that cannot be read is no donor: it may be the damaged one.
            if (try? Self.hasContent(file.rawValue, wanted)) == true { return file.release() }
        }
        return nil
    }

    private static func hasContent(_ file: Int32, _ entry: LayerEntry) throws(SystemError) -> Bool {
        _ = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
        var hasher = ContentHasher()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        for extent in entry.extents {
            var done: Int64 = 0
            while done < extent.length {
                let (offset, wanted) = (off_t(extent.offset + done), min(buffer.count, Int(extent.length - done)))
                let count = try systemCall("pread") { pread(file, buffer.baseAddress, wanted, offset) }
                guard count > 0 else { return false }
                hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                done += Int64(count)
            }
        }
        return hasher.finishBytes() == entry.digest
    }
}
