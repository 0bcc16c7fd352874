internal import CArchive
internal import Linux
internal import OCI

/// What the layers that are here have of a layer that is coming.
struct PoolSearch {
    /// Where a file of the same content is, by digest.
    private(set) var places: [[UInt8]: AssemblyPlan.Place] = [:]
    /// The layer that has most of it, probably an earlier version.
    private(set) var model: FilePool.Layer?

    /// Reads the indexes of the layers; one that cannot be read has nothing.
    init(for contents: ChunkedContents, in layers: [FilePool.Layer]) throws {
        var wanted: [[UInt8]: Int64] = [:]
        for entry in contents.entries {
            if let payload = entry.payload { wanted[payload.digest] = entry.size }
        }
        var most: Int64 = 0
        for layer in layers {
            try Task.checkCancellation()
            var shared: Int64 = 0
            Self.forEachEntry(of: layer) { entry in
                guard entry.kind == .file, entry.isWhole, wanted[entry.digest] == entry.size else { return }
                shared += entry.size
                if places[entry.digest] == nil {
                    places[entry.digest] = AssemblyPlan.Place(
                        layer: layer, path: entry.path, length: entry.size, digest: entry.digest)
                }
            }
            if shared > most { (most, model) = (shared, layer) }
        }
    }

    private static func forEachEntry(of layer: FilePool.Layer, _ body: (LayerEntry) -> Void) {
        guard let reader = try? LayerIndexReader(path: LayerIndexFile.path(of: layer.directory)) else { return }
        while let record = try? reader.next() {
            if case .entry(let entry) = record { body(entry) }
        }
    }

    // MARK: Headers

    /// Calls `found` with the headers of entries that can be told from those of the model.
    func guessHeaders(
        of contents: ChunkedContents, _ found: (_ entry: Int, _ header: [UInt8]) throws -> Void
    ) throws {
        guard let model, let reader = try? LayerIndexReader(path: LayerIndexFile.path(of: model.directory)) else {
            return
        }
        let wanted = WantedHeaders(contents)
        var raw: [UInt8] = []
        var padding = 0
        while let record = try? reader.next() {
            switch record {
            case .raw(let bytes): raw += bytes
            case .entry(let entry):
                let headers = KnownHeader.all(in: raw.dropFirst(padding))
                for (position, header) in headers.enumerated() {
                    // The last is this entry's own; others are of what left nothing here, such as whiteouts.
                    let known = position == headers.count - 1 ? entry : nil
                    guard let index = wanted.index(of: header, known),
                        let bytes = header.header(of: contents.entries[index], known: known)
                    else { continue }
                    try found(index, bytes)
                }
                raw.removeAll(keepingCapacity: true)
                if entry.kind == .file { padding = Int((512 - entry.storedBytes % 512) % 512) } else { padding = 0 }
            case .superseded: continue
            case .end: return
            }
        }
    }

    // MARK: Chunks

    /// Files of the model with these paths.
    func files(named names: Set<[UInt8]>) -> [[UInt8]: LayerEntry] {
        guard let model, !names.isEmpty else { return [:] }
        var files: [[UInt8]: LayerEntry] = [:]
        Self.forEachEntry(of: model) { entry in
            if entry.kind == .file, entry.isWhole, names.contains(entry.path) { files[entry.path] = entry }
        }
        return files
    }

    /// Where the chunks of a new version of `file` are in it: at their offset from its beginning, or from its end.
    func chunks(of entry: ChunkedContents.Entry, in file: LayerEntry) throws -> [Int: AssemblyPlan.Place] {
        guard let model, let payload = entry.payload,
            let open = try? AssemblyPlan.Place(layer: model, path: file.path, length: 0, digest: []).open()
        else { return [:] }
        var found: [Int: AssemblyPlan.Place] = [:]
        for (index, chunk) in payload.chunks.enumerated() where !chunk.isZeros {
            try Task.checkCancellation()
            for offset in Set([chunk.offset, chunk.offset + file.size - entry.size])
            where offset >= 0 && offset + chunk.size <= file.size {
                guard try AssemblyPlan.Place.digest(of: open.rawValue, offset, chunk.size) == chunk.digest else {
                    continue
                }
                found[index] = AssemblyPlan.Place(
                    layer: model, path: file.path, offset: offset, length: chunk.size, digest: chunk.digest)
                break
            }
        }
        return found
    }
}

/// Entries by name, each of which may come once.
private struct WantedHeaders {
    private var byName: [String: Int] = [:]
    private var byPath: [[UInt8]: Int] = [:]

    init(_ contents: ChunkedContents) {
        for (index, entry) in contents.entries.enumerated() {
            byName[entry.name] = index
            if let path = entry.path { byPath[path] = index }
        }
    }

    /// The entry that a header may be of.
    func index(of header: KnownHeader, _ known: LayerEntry?) -> Int? {
        header.isPlain ? byName[header.plainName] : known.flatMap { byPath[$0.path] }
    }
}

extension ChunkedContents.Entry {
    /// The path as a layer's index has it; nil for one that no layer can have.
    var path: [UInt8]? { (try? EntryPath(Array(name.utf8), limit: 4096))?.bytes }
}
