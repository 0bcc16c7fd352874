import FleetProtocol
import Images
import Linux

@testable import Bundles

// What a bundle may be: a file of anybody's, and what somebody trusted signed without looking.

private let signer = HeadSigner()
private let trust = BundleTrust(keys: [signer.publicKey], hub: nil, source: "the fuzzer")
private let file = "/dev/shm/wherry-fuzz-bundle.\(getpid())"

/// A manifest when the bytes begin as JSON does, and then what follows a zero byte is the rest of the file; else a whole file.
func readBundle(_ bytes: [UInt8]) {
    guard bytes.first == UInt8(ascii: "{") else {
        guard write(bytes) else { return }
        _ = try? BundleReader.unverifiedManifest(of: file)
        precondition((try? BundleReader(path: file, trust: trust)) == nil, "a bundle that nobody signed")
        return
    }
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    guard let envelope = try? signer.sign(payloadType: BundleManifest.payloadType, Array(parts[0])).serialized() else {
        return
    }
    let size = Int64(envelope.count)
    let head = TarHeader(file: BundleManifest.path, size: size).serialized() + envelope + TarHeader.padding(after: size)
    guard write(head + (parts.count > 1 ? Array(parts[1]) : TarHeader.end)),
        let reader = try? BundleReader(path: file, trust: trust), (try? reader.check()) != nil
    else { return }
    for blob in reader.carriedBlobs {
        guard let slice = reader.slice(of: blob) else { preconditionFailure("a carried blob is nowhere") }
        precondition(slice.offset >= 0 && slice.offset + slice.size <= reader.file.size, "a blob beyond the file")
    }
}

private func write(_ bytes: [UInt8]) -> Bool {
    (try? Files.writeAtomically(bytes, to: file, durable: false)) != nil
}
