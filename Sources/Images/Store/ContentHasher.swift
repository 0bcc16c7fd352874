internal import Crypto
internal import OCI

/// A running SHA-256 sum of content and its length.
struct ContentHasher: Sendable {
    private var sum = SHA256()
    private(set) var count: Int64 = 0

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        sum.update(bufferPointer: bytes)
        count += Int64(bytes.count)
    }

    /// The digest of what was added so far.
    var digest: OCI.Digest {
        let sum = self
        return sum.finish()
    }

    consuming func finish() -> OCI.Digest {
        guard let digest = OCI.Digest(bytes: Array(sum.finalize())) else { preconditionFailure("SHA-256 has 32 bytes") }
        return digest
    }

    /// The 32 bytes of the sum.
    consuming func finishBytes() -> [UInt8] { Array(sum.finalize()) }

    static func digest(of bytes: [UInt8]) -> OCI.Digest {
        var hasher = ContentHasher()
        bytes.withUnsafeBytes { hasher.update($0) }
        return hasher.finish()
    }

    /// Identifiers of a stack of layers, bottom first: each covers itself and all below (image-spec config.md).
    static func chainIDs(of diffIDs: [OCI.Digest]) -> [OCI.Digest] {
        var chain: [OCI.Digest] = []
        for diffID in diffIDs {
            chain.append(chain.last.map { digest(of: Array("\($0) \(diffID)".utf8)) } ?? diffID)
        }
        return chain
    }
}
