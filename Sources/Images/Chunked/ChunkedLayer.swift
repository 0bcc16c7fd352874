internal import OCI

/// Where a zstd:chunked layer's own description stands in its blob, as the layer's descriptor says (containers/storage,
/// pkg/chunked).
///
/// Such a blob is a tar of zstd frames, with each file's content in frames of its own, and behind it in frames that decoders
/// skip a table of contents and the raw headers of the tar (tar-split). The descriptor is part of the manifest, so that
/// whoever vouches for that vouches for the table's digest.
struct ChunkedLayer: Sendable, Equatable {
    /// A zstd frame in the blob.
    struct Section: Sendable, Equatable {
        let range: Range<Int64>
        /// Bytes when it is decompressed.
        let plainSize: Int64

        /// Names the part that it is fetched into.
        func part(of blob: Digest) -> Digest { BlobRanges([range]).identifier(of: blob) }
    }

    /// What the blob is, and how large.
    let blob: Descriptor
    let contents: Section
    /// Of the table as it stands in the blob, compressed.
    let contentsDigest: Digest
    /// Newer writers only.
    let tarSplit: Section?

    /// Bytes of a skippable frame before what it carries.
    static let frameHeader: Int64 = 8
    /// More than this of a table, decompressed, is not worth its memory: the layer comes whole.
    fileprivate static let plainLimit: Int64 = 128 << 20
    /// The prefix that is in use, and the one before containers/storage 1.43.
    private static let prefixes = ["io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."]
    /// The table is JSON in the manner of CRFS; there is no other type.
    private static let contentsType: Int64 = 1

    /// Nil for a layer that is not described this way, or in a way that is not understood.
    init?(_ blob: Descriptor) {
        guard blob.mediaType == MediaType.ociLayerZstd, let annotations = blob.annotations else { return nil }
        for prefix in Self.prefixes {
            guard let position = annotations[prefix + "manifest-position"],
                let checksum = annotations[prefix + "manifest-checksum"]
            else { continue }
            guard let digest = try? Digest(parsing: checksum), let numbers = Self.numbers(position, count: 4),
                numbers[3] == Self.contentsType, let contents = Section(numbers, in: blob.size)
            else { return nil }
            self.blob = blob
            self.contents = contents
            contentsDigest = digest
            tarSplit = annotations[prefix + "tarsplit-position"].flatMap { Self.numbers($0, count: 3) }
                .flatMap { Section($0, in: blob.size) }
            return
        }
        return nil
    }

    /// The names of the parts that its sections are fetched into.
    var parts: [Digest] { [contents, tarSplit].compactMap { $0?.part(of: blob.digest) } }

    /// The frames of the tar.
    var data: Range<Int64> { 0..<(contents.range.lowerBound - Self.frameHeader) }

    private static func numbers(_ text: String, count: Int) -> [Int64]? {
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false).compactMap { Int64($0) }
        return numbers.count == count && text.utf8.count(where: { $0 == UInt8(ascii: ":") }) == count - 1
            ? numbers : nil
    }
}

extension ChunkedLayer.Section {
    /// From offset, length and decompressed length.
    fileprivate init?(_ numbers: [Int64], in size: Int64) {
        let (offset, length, plain) = (numbers[0], numbers[1], numbers[2])
        guard offset > ChunkedLayer.frameHeader, length > 0, plain > 0, offset < size, length <= size - offset,
            plain <= ChunkedLayer.plainLimit
        else { return nil }
        range = offset..<(offset + length)
        plainSize = plain
    }
}
