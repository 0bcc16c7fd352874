internal import CArchive
internal import Linux

/// fs-verity: the file system keeps a tree of hashes with a file, and the kernel compares every page with it that it reads.
/// What rotted is an I/O error, and reaches no program.
///
/// It takes a file system made for it (ext4 or f2fs with `-O verity`, btrfs) and a kernel with `CONFIG_FS_VERITY`. Where
/// either is missing nothing is protected, and what would run is read before (``ImageStore/prepareToStart(_:isSuspect:)``).
enum FileVerity {
    /// Smaller files are read before a start: their trees would take more writes than they are worth.
    static let smallestFile: Int64 = 64 << 10

    /// Whether the kernel verifies what is read of this file.
    static func isOn(_ file: Int32) -> Bool { carchive_has_verity(file) != 0 }

    /// Turns it on for a complete file that nobody has open for writing.
    /// - Returns: False where the file system or the kernel has no such thing.
    static func enable(_ file: Int32) throws(SystemError) -> Bool {
        var info = stat()
        try systemCall("fstat") { fstat(file, &info) }
        do {
            try systemCall("ioctl FS_IOC_ENABLE_VERITY") { carchive_enable_verity(file) }
        } catch {
            switch error.errno {
            case .exists: return true  // a link of a file that has it
            case .notSupported, .invalid, .readOnly, Errno(rawValue: ENOTTY): return false
            default: throw error
            }
        }
        // ext4 takes the writing of the tree for a change of the file (seen with 6.1).
        let times = [info.st_atim, info.st_mtim]
        try systemCall("futimens") { futimens(file, times) }
        return true
    }

    /// Turns it on for the file of a name, where that can be.
    static func protect(_ name: EntryPath.Name, in directory: Int32) throws(SystemError) {
        let file = try FileDescriptor.open(at: directory, name)
        _ = try enable(file.rawValue)
    }

    /// Turns it on for the large files of a staged layer, as its index lists them.
    static func protect(_ layer: String) throws {
        let tree = try LayerTree(path: layer, lower: [])
        let reader = try LayerIndexReader(path: LayerIndexFile.path(of: layer))
        while let record = try reader.next() {
            guard case .entry(let entry) = record, entry.kind == .file, entry.size >= smallestFile,
                // A later entry of the layer may have taken its place.
                let file = try? tree.openFile(entry.path)
            else { continue }
            guard try enable(file.rawValue) else { return }
        }
    }
}
