internal import CArchive
public import Linux

/// A file that stays open: what was checked of it is what is read of it later, even when its name leads elsewhere by then.
public final class OpenedFile: Sendable {
    /// As it was asked for; for messages.
    public let path: String
    public let size: Int64
    private let descriptor: FileDescriptor

    /// - Throws: ``ImageError`` with code `unreadableFile`.
    public init(path: String) throws(ImageError) {
        do {
            let opened = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
            var info = stat()
            try systemCall("fstat", on: path) { [number = opened.rawValue] in fstat(number, &info) }
            guard info.st_mode & S_IFMT == S_IFREG else {
                throw ImageError(.unreadableFile, "\(path) is not a regular file")
            }
            self.path = path
            size = Int64(info.st_size)
            descriptor = opened
        } catch let error as SystemError {
            throw ImageError(.unreadableFile, "cannot read \(path): \(error.errno); check the path", cause: error)
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    /// Reads once; 0 at the end of the file.
    public func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try systemCall("pread", on: path) { [number = descriptor.rawValue] in
            pread(number, buffer.baseAddress, buffer.count, off_t(offset))
        }
    }
}

/// A part of an opened file.
public struct FileSlice: Sendable {
    let file: OpenedFile
    public let offset: Int64
    public let size: Int64

    public init(_ file: OpenedFile, offset: Int64, size: Int64) {
        self.file = file
        self.offset = offset
        self.size = size
    }

    var path: String { file.path }

    /// Reads once, at an offset within the slice; 0 at its end.
    public func read(at start: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        let wanted = min(Int64(buffer.count), size - start)
        guard wanted > 0 else { return 0 }
        do {
            return try file.read(
                at: offset + start, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]))
        } catch {
            throw ImageError(error)
        }
    }
}
