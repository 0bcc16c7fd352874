internal import Linux
public import NIOCore
public import OCI
internal import SQLite

extension RegistryStore {
    /// Begins an upload; its file and its record outlive the process.
    /// - Returns: Its id, which cannot be guessed.
    /// - Throws: `tooManyRequests`, `diskFull`.
    public func startUpload(in repository: RepositoryName) throws(ImageError) -> String {
        let id = (0..<2).map { _ in String(UInt64.random(in: .min ... .max) | 1 << 63, radix: 16) }.joined()
        try attempt("cannot begin an upload to \(repository)") {
            guard try database.uploads().count < limits.uploads else {
                throw ImageError(
                    .tooManyRequests, "\(limits.uploads) uploads are under way: finish or cancel one, or wait")
            }
            try space.demand(0, at: 0)
            uploads[id] = try open(id, repository)
            try Files.syncDirectory(uploadDirectory)
            try database.addUpload(id, in: repository)
        }
        uploadActivity[id] = now()
        return id
    }

    private func open(_ id: String, _ repository: RepositoryName) throws(SystemError) -> BlobUpload {
        try BlobUpload(
            id: id, repository: repository, path: uploadDirectory + "/" + id, space: space,
            thread: threads.thread(for: nextSequence()))
    }

    /// Bytes that an upload has so far.
    /// - Throws: `unknownUpload`.
    public nonisolated func uploadOffset(_ id: String, in repository: RepositoryName) async throws(ImageError) -> Int64
    {
        try await upload(id, in: repository).offset
    }

    /// Takes a chunk, or all of the content, and makes it durable. A body that breaks off leaves what came.
    ///
    /// - Parameters:
    ///   - start: Where the client says that the chunk begins.
    ///   - length: How many bytes it says that it sends.
    /// - Returns: Bytes that the upload has now.
    /// - Throws: `unknownUpload`, `chunkOutOfOrder`, `sizeMismatch`; `diskFull`, and then the upload is gone.
    @discardableResult
    public nonisolated func append<Body: AsyncSequence & Sendable>(
        _ body: Body, to id: String, in repository: RepositoryName, at start: Int64? = nil, length: Int64? = nil
    ) async throws(ImageError) -> Int64 where Body.Element == ByteBuffer {
        try await using(id, in: repository) { (upload) throws(ImageError) in
            let turn = try await upload.begin(at: start)
            return try await receive(body, upload, turn, length)
        }
    }

    /// Takes the rest of an upload, if there is one, and makes it a blob of the repository.
    /// - Throws: also `invalidDigest`, and then the upload is gone.
    public nonisolated func finishUpload<Body: AsyncSequence & Sendable>(
        _ id: String, in repository: RepositoryName, digest: Digest, body: Body, at start: Int64? = nil,
        length: Int64? = nil
    ) async throws(ImageError) where Body.Element == ByteBuffer {
        try await using(id, in: repository) { (upload) throws(ImageError) in
            let turn = try await upload.begin(at: start)
            _ = try await receive(body, upload, turn, length)
            let size: Int64
            do throws(ImageError) { size = try await upload.verify(digest, turn: turn) } catch {
                if error.code == .invalidDigest { try await discard(upload) }
                throw error
            }
            try await commit(upload, digest, size)
        }
    }

    /// Drops an upload.
    /// - Throws: `unknownUpload`.
    public nonisolated func cancelUpload(_ id: String, in repository: RepositoryName) async throws(ImageError) {
        try await discard(upload(id, in: repository))
    }

    // MARK: Bytes

    /// Bytes that go to the upload's thread at once.
    private static let batch = 128 << 10

    private nonisolated func receive<Body: AsyncSequence & Sendable>(
        _ body: Body, _ upload: BlobUpload, _ turn: Int, _ length: Int64?
    ) async throws(ImageError) -> Int64 where Body.Element == ByteBuffer {
        var received: Int64 = 0
        do {
            var pending: [ByteBuffer] = []
            var bytes = 0
            do {
                for try await chunk in body {
                    pending.append(chunk)
                    bytes += chunk.readableBytes
                    received += Int64(chunk.readableBytes)
                    guard bytes >= Self.batch else { continue }
                    try await upload.append(pending, turn: turn)
                    (pending, bytes) = ([], 0)
                }
            } catch let error where !(error is ImageError) {
                // The connection broke: the client goes on behind what it brought.
                try await upload.append(pending, turn: turn)
                try await upload.flush(turn: turn)
                throw error
            }
            try await upload.append(pending, turn: turn)
            try await upload.flush(turn: turn)
        } catch {
            let failure = (error as? ImageError) ?? ImageError(.sizeMismatch, "the request broke off: \(error)")
            // What lies there fills the disk for everybody. The record may outlast the file: then it expires.
            if failure.code == .diskFull { try? await discard(upload) }
            throw failure
        }
        guard length == nil || received == length else {
            throw ImageError(
                .sizeMismatch, "\(length ?? 0) bytes were announced and \(received) came; go on behind them")
        }
        return await upload.offset
    }

    /// Runs a request that sends bytes; the upload stays in memory and does not expire meanwhile.
    private nonisolated func using<T>(
        _ id: String, in repository: RepositoryName, _ body: (BlobUpload) async throws(ImageError) -> T
    ) async throws(ImageError) -> T {
        let upload = try await upload(id, in: repository)
        await setUsers(of: id, by: 1)
        let result: Result<T, ImageError>
        do { result = .success(try await body(upload)) } catch { result = .failure(error) }
        await setUsers(of: id, by: -1)
        return try result.get()
    }

    private func setUsers(of id: String, by change: Int) {
        let users = (uploadUsers[id] ?? 0) + change
        uploadUsers[id] = users > 0 ? users : nil
        if uploadActivity[id] != nil { uploadActivity[id] = now() }
    }

    /// Finds an upload, in memory or in its file.
    func upload(_ id: String, in repository: RepositoryName) throws(ImageError) -> BlobUpload {
        let unknown = ImageError(
            .unknownUpload,
            "there is no upload \(id.prefix(64)) to \(repository): it was finished, cancelled or expired")
        uploadActivity[id] = now()
        if let upload = uploads[id] {
            guard upload.repository == repository else { throw unknown }
            return upload
        }
        let isRecorded = try attempt("cannot look up an upload") {
            try database.uploads().contains { $0.id == id && $0.repository == repository }
        }
        guard isRecorded else {
            uploadActivity[id] = nil
            throw unknown
        }
        return try attempt("cannot go on with an upload") {
            let upload = try open(id, repository)
            uploads[id] = upload
            return upload
        }
    }

    /// File into its place first, then the record: one turn of this actor, so that no collection comes between.
    private func commit(_ upload: BlobUpload, _ digest: Digest, _ size: Int64) throws(ImageError) {
        guard uploads[upload.id] === upload else {
            throw ImageError(.unknownUpload, "the upload to \(upload.repository) was cancelled or has expired")
        }
        try attempt("cannot store blob \(digest)") {
            try files.commit(upload.path, as: digest)
            forget(upload.id)
            try database.connection.transaction {
                try database.addBlob(digest, size: size, to: upload.repository)
                try database.removeUpload(upload.id)
            }
        }
        leases[ContentKey(repository: upload.repository, digest: digest)] = now()
    }

    func discard(_ upload: BlobUpload) throws(ImageError) {
        forget(upload.id)
        try attempt("cannot drop an upload") {
            try Files.remove(upload.path)
            try database.removeUpload(upload.id)
        }
    }

    private func forget(_ id: String) {
        uploads[id] = nil
        uploadActivity[id] = nil
    }
}
