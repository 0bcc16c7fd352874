internal import Linux
internal import Logging
internal import OCI
internal import SQLite

extension RegistryStore {
    /// What a collection removed.
    public struct Collected: Sendable, Hashable {
        public var blobs = 0
        public var bytes: Int64 = 0
        public var uploads = 0
        /// Files without a record that were left, because the record was lost once.
        public var kept = 0
    }

    /// Removes what nothing points at: blobs without a manifest whose time of grace is over, and uploads that nobody went
    /// on with. Requests are served meanwhile.
    ///
    /// Each step is one turn of the store, in which no push can come between the look and the removal: a blob that a push
    /// found here, brought or mounted is leased to it, and stays until its manifest holds it or the grace is over.
    ///
    /// - Parameter strangers: Also files that no record names, after the record was lost.
    public func collect(strangers: Bool = false) async throws(ImageError) -> Collected {
        var collected = Collected()
        try expireUploads(&collected)
        try dropUnreferenced()
        if strangers { try attempt("cannot note the choice") { try database.set(Self.keepsStrangers, nil) } }
        let present = try attempt("cannot list the blobs") { try files.blobs() }
        for start in stride(from: 0, to: present.count, by: 256) {
            try removeStrangers(among: present[start..<min(start + 256, present.count)], &collected)
            await Task.yield()
        }
        if collected != Collected() {
            logger.info(
                "registry collected",
                metadata: [
                    "blobs": "\(collected.blobs)", "bytes": "\(collected.bytes)", "uploads": "\(collected.uploads)",
                ])
        }
        return collected
    }

    /// Collects and takes snapshots of the index for as long as the hub runs.
    public func keepUp(every interval: Duration, clock: any Clock<Duration> = ContinuousClock()) async {
        while (try? await clock.sleep(for: interval)) != nil {
            do {
                _ = try await collect()
                try snapshotIfDue()
            } catch {
                logger.warning("the registry's upkeep failed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func snapshotIfDue() throws(ImageError) {
        let snapshots = Snapshots(of: database.connection.path)
        let age = WallClock.now().seconds - (snapshots.newestTime ?? 0)
        guard age < 0 || age > 24 * 3600 else { return }
        try attempt("cannot take a snapshot of the registry's index") {
            _ = try snapshots.take(from: database.connection)
        }
    }

    // MARK: Uploads

    private func expireUploads(_ collected: inout Collected) throws(ImageError) {
        let now = now()
        let records = try attempt("cannot list the uploads") { try database.uploads() }
        for (id, repository) in records where uploadUsers[id] == nil {
            let idle = (uploadActivity[id] ?? started).duration(to: now)
            if idle > limits.uploadLifetime {
                try discard(upload(id, in: repository))
                collected.uploads += 1
            } else if idle > .seconds(60) {
                uploads[id] = nil  // closes the file; the sum is made again when the client comes back
            }
        }
        let known = Set(records.map(\.id))
        try attempt("cannot clear the uploads") {
            for name in try Files.listDirectory(uploadDirectory) where !known.contains(name) && uploads[name] == nil {
                if !isFetched(name) { try Files.remove(uploadDirectory + "/" + name) }
            }
        }
    }

    // MARK: Blobs

    /// Marks what a removed manifest pointed at as free, unless a push counts on it.
    func release(_ content: [Digest], in repository: RepositoryName) {
        for digest in content {
            let key = ContentKey(repository: repository, digest: digest)
            if leases[key] == nil { released.insert(key) }
        }
    }

    private func dropUnreferenced() throws(ImageError) {
        let now = now()
        let pushing = Set(
            uploads.values.filter { upload in
                uploadUsers[upload.id] != nil
                    || uploadActivity[upload.id].map { $0.duration(to: now) < limits.grace } ?? false
            }.map(\.repository))
        try attempt("cannot drop unreferenced blobs") {
            try database.connection.transaction {
                for key in try database.unreferencedBlobs() where !isLeased(key, pushing: pushing, now) {
                    try database.removeBlob(key.digest, from: key.repository)
                }
            }
        }
        released = []
        leases = leases.filter { $0.value.duration(to: now) < limits.grace || pushing.contains($0.key.repository) }
    }

    /// A push of a large image over a bad link outlasts any grace: while one of its uploads is under way, all of it stays.
    private func isLeased(_ key: ContentKey, pushing: Set<RepositoryName>, _ now: MonotonicInstant) -> Bool {
        if let lease = leases[key] {
            return lease.duration(to: now) < limits.grace || pushing.contains(key.repository)
        }
        // Who counted on what before the start is not known.
        return !released.contains(key)
            && (started.duration(to: now) < limits.grace || pushing.contains(key.repository))
    }

    private func removeStrangers(among present: ArraySlice<Digest>, _ collected: inout Collected) throws(ImageError) {
        try attempt("cannot remove unreferenced blobs") {
            let keeps = try database.setting(Self.keepsStrangers) != nil
            for digest in present where try !database.isRecorded(digest) {
                guard !keeps else {
                    collected.kept += 1
                    continue
                }
                let size = files.size(of: digest) ?? 0
                try files.remove(digest)
                collected.blobs += 1
                collected.bytes += size
            }
        }
    }
}
