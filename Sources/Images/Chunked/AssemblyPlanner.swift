internal import CArchive
internal import Linux
internal import OCI

/// Plans the assembly of one layer on a thread of its own: it reads indexes and files.
actor AssemblyPlanner {
    private let executor = ThreadExecutor(name: "wherry-plan")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// What a plan is made from.
    struct Request: Sendable {
        let layer: ChunkedLayer
        /// The verified table of contents, compressed.
        let contents: String
        /// The raw headers of the tar, compressed and not verified yet; nil when they were not fetched.
        var tarSplit: String?
        /// Layers whose files may be taken.
        let pool: [FilePool.Layer]
        /// An unused path on the same file system.
        var scratch: String
        let limits: UnpackLimits
    }

    struct Outcome: Sendable {
        let plan: AssemblyPlan
        /// What the plan would cost if the tar's headers were known.
        let costWithHeaders: Int64
    }

    private var contents: ChunkedContents?

    /// - Throws: ``ImageError`` with code `invalidLayer` or `limitExceeded` when the layer's description is of no use.
    func plan(_ request: Request) throws(ImageError) -> Outcome {
        do {
            let contents = try contents ?? Self.read(request)
            self.contents = contents
            let search = try PoolSearch(for: contents, in: request.pool)
            var assembly = try Assembly(contents, request)
            if let tarSplit = request.tarSplit {
                try assembly.takeHeaders(from: tarSplit)
            } else {
                try assembly.guessHeaders(search)
            }
            return try assembly.outcome(search)
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private static func read(_ request: Request) throws -> ChunkedContents {
        let file = try FileDescriptor.open(request.contents, O_RDONLY | O_NOFOLLOW)
        let blocks = try CompressedBlocks(descriptor: file.rawValue)
        return try ChunkedContents(
            in: request.layer.data, plainSize: request.layer.contents.plainSize,
            next: { () throws(ImageError) in try blocks.next() })
    }
}

/// A plan that is being made.
private struct Assembly {
    private let contents: ChunkedContents
    private let request: AssemblyPlanner.Request
    private let literals: LiteralFile
    private var literalBytes: Int64 = 0
    /// What stands before each content, and after the last; nil where it is in the blob only.
    private var gaps: [[AssemblyPlan.Piece]?]
    /// Indexes of the entries with content.
    private let files: [Int]

    init(_ contents: ChunkedContents, _ request: AssemblyPlanner.Request) throws {
        self.contents = contents
        self.request = request
        literals = try LiteralFile(path: request.scratch)
        files = contents.entries.indices.filter { contents.entries[$0].payload != nil }
        gaps = Array(repeating: nil, count: files.count + 1)
        let bytes = files.reduce(Int64(0)) { $0.addingReportingOverflow(contents.entries[$1].size).partialValue }
        guard files.allSatisfy({ contents.entries[$0].size <= request.limits.bytes }), bytes <= request.limits.bytes,
            bytes >= 0
        else { throw ImageError(.limitExceeded, "its files have more than \(request.limits.bytes) bytes") }
    }

    private mutating func append(literal bytes: [UInt8]) throws -> AssemblyPlan.Piece {
        let start = literalBytes
        try literals.append(bytes, at: start)
        literalBytes += Int64(bytes.count)
        guard literalBytes <= request.limits.bytes else { throw ImageError(.limitExceeded, "its headers are too many") }
        return .literal(start..<literalBytes)
    }

    // MARK: What stands between contents

    mutating func takeHeaders(from tarSplit: String) throws {
        guard let section = request.layer.tarSplit else { return }
        let file = try FileDescriptor.open(tarSplit, O_RDONLY | O_NOFOLLOW)
        let blocks = try CompressedBlocks(descriptor: file.rawValue)
        var reader = TarSplitReader()
        var (ordinal, gap) = (0, [AssemblyPlan.Piece]())
        try reader.read(plainSize: section.plainSize, next: { () throws(ImageError) in try blocks.next() }) { item in
            switch item {
            case .raw(let bytes): gap.append(try append(literal: bytes))
            case .content(let size):
                guard ordinal < files.count, contents.entries[files[ordinal]].size == size else {
                    throw TarSplitReader.invalid("has other files than its table of contents")
                }
                gaps[ordinal] = gap
                (ordinal, gap) = (ordinal + 1, [])
            }
        }
        guard ordinal == files.count else {
            throw TarSplitReader.invalid("has fewer files than its table of contents")
        }
        gaps[ordinal] = gap
    }

    /// What follows the last content has the end of the tar, which nobody can guess and which is small.
    mutating func guessHeaders(_ search: PoolSearch) throws {
        var headers: [Int: AssemblyPlan.Piece] = [:]
        try search.guessHeaders(of: contents) { index, bytes in
            if headers[index] == nil { headers[index] = try append(literal: bytes) }
        }
        var (next, padding) = (0, Int64(0))
        for (ordinal, file) in files.enumerated() {
            let known = (next...file).compactMap { headers[$0] }
            if known.count == file - next + 1 { gaps[ordinal] = (padding > 0 ? [.zeros(padding)] : []) + known }
            next = file + 1
            padding = (512 - contents.entries[file].size % 512) % 512
        }
    }

    // MARK: The whole

    func outcome(_ search: PoolSearch) throws -> AssemblyPlanner.Outcome {
        let old = search.files(named: Set(files.compactMap { contents.entries[$0].chunkedPath }))
        var (plan, contentOnly) = (Pieces(), Pieces())
        var position: Int64 = 0
        for (ordinal, file) in files.enumerated() {
            let entry = contents.entries[file]
            guard let payload = entry.payload else { continue }
            plan.append(gaps[ordinal], else: position..<payload.frames.lowerBound)
            let content = try pieces(of: entry, payload, search, old)
            plan.append(content)
            contentOnly.append(content)
            position = payload.frames.upperBound
        }
        plan.append(gaps[files.count], else: position..<request.layer.data.upperBound)
        return AssemblyPlanner.Outcome(
            plan: AssemblyPlan(
                pieces: plan.pieces, literals: literals, ranges: BlobRanges(covering: plan.frames),
                fileBytes: files.reduce(0) { $0 + contents.entries[$1].size },
                tarSplitDigest: contents.tarSplitDigest),
            costWithHeaders: BlobRanges(covering: contentOnly.frames).cost)
    }

    private func pieces(
        of entry: ChunkedContents.Entry, _ payload: ChunkedContents.Payload, _ search: PoolSearch,
        _ old: [[UInt8]: LayerEntry]
    ) throws -> [AssemblyPlan.Piece] {
        if let place = search.places[payload.digest], place.length == entry.size { return [.local(place)] }
        let known = try entry.chunkedPath.flatMap { old[$0] }.map { try search.chunks(of: entry, in: $0) } ?? [:]
        return payload.chunks.enumerated().map { index, chunk in
            if chunk.isZeros { return .zeros(chunk.size) }
            return known[index].map { .local($0) } ?? .frames(chunk.frames)
        }
    }
}

/// Pieces in a row.
private struct Pieces {
    private(set) var pieces: [AssemblyPlan.Piece] = []

    mutating func append(_ known: [AssemblyPlan.Piece]?, else frames: Range<Int64>) {
        append(known ?? (frames.isEmpty ? [] : [.frames(frames)]))
    }

    /// Frames that follow each other become one piece.
    mutating func append(_ more: [AssemblyPlan.Piece]) {
        for piece in more {
            if case .frames(let next) = piece, case .frames(let last)? = pieces.last,
                last.upperBound == next.lowerBound
            {
                pieces[pieces.count - 1] = .frames(last.lowerBound..<next.upperBound)
            } else {
                pieces.append(piece)
            }
        }
    }

    var frames: [Range<Int64>] {
        pieces.compactMap { if case .frames(let range) = $0 { range } else { nil } }
    }
}

extension ChunkedContents.Entry {
    /// The path of a file of several chunks.
    fileprivate var chunkedPath: [UInt8]? { (payload?.chunks.count ?? 0) > 1 ? path : nil }
}
