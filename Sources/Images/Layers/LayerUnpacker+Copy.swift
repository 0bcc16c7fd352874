internal import CArchive
internal import Linux
internal import OCI

extension LayerUnpacker {
    struct Copy: Sendable {
        let digest: Digest
        let size: Int64
        /// The layer media type that its first bytes tell.
        let mediaType: String
    }

    /// Copies a file, and says what it is.
    func copy(_ source: String, to destination: String) throws(ImageError) -> Copy {
        do {
            let input = try FileDescriptor.open(source, O_RDONLY)
            var info = stat()
            try systemCall("fstat", on: source) { fstat(input.rawValue, &info) }
            guard info.st_mode & S_IFMT == S_IFREG else {
                throw ImageError(.unreadableFile, "\(source) is not a regular file")
            }
            let output = try FileDescriptor.open(destination, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            return try Self.copy(input.rawValue, to: output.rawValue, destination)
        } catch {
            _ = unlink(destination)
            throw ImageError(wrapping: error)
        }
    }

    /// Copies a part of a file, and gives the digest of what was copied.
    func copy(_ slice: FileSlice, to destination: String) throws(ImageError) -> Digest {
        do {
            let output = try FileDescriptor.open(destination, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            var hasher = ContentHasher()
            var buffer = [UInt8](repeating: 0, count: 256 << 10)
            while true {
                let count = try buffer.withUnsafeMutableBytes { try slice.read(at: hasher.count, into: $0) }
                guard count > 0 else { break }
                buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                try output.writeAll(Array(buffer[..<count]))
            }
            return hasher.finish()
        } catch {
            _ = unlink(destination)
            throw ImageError(wrapping: error)
        }
    }

    private static func copy(_ input: Int32, to output: Int32, _ path: String) throws -> Copy {
        var hasher = ContentHasher()
        var head: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            try Task.checkCancellation()
            let count = try systemCall("read") {
                buffer.withUnsafeMutableBytes { read(input, $0.baseAddress, $0.count) }
            }
            if count == 0 { break }
            if head.isEmpty { head = Array(buffer[..<min(4, count)]) }
            try buffer.withUnsafeBytes { bytes in
                hasher.update(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                var done = 0
                while done < count {
                    done += try systemCall("write", on: path) {
                        write(output, bytes.baseAddress?.advanced(by: done), count - done)
                    }
                }
            }
        }
        let size = hasher.count
        return Copy(digest: hasher.finish(), size: size, mediaType: mediaType(head))
    }

    private static func mediaType(_ head: [UInt8]) -> String {
        if head.starts(with: [0x1f, 0x8b]) { return MediaType.ociLayerGzip }
        if head == [0x28, 0xb5, 0x2f, 0xfd] { return MediaType.ociLayerZstd }
        return MediaType.ociLayer
    }
}
