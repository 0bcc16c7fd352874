import FleetProtocol
import JSON
import Linux
import OCI
import Resources
import YAML

/// The parser under test, from FUZZ_TARGET. Each takes any bytes and must neither trap nor hang.
private let target: @Sendable ([UInt8]) -> Void = {
    switch getenv("FUZZ_TARGET").map({ String(cString: $0) }) {
    case "json": parseJSON
    case "yaml": { _ = try? YAMLReader.documents(in: $0) }
    case "reference": { _ = try? ImageReference(parsing: String(decoding: $0, as: UTF8.self)) }
    case "manifest": parseManifest
    case "object": parseObject
    case "head": { _ = try? SignedEnvelope(parsing: $0) }
    case "quantity": { _ = try? Quantity(parsing: String(decoding: $0, as: UTF8.self)) }
    case let other: fatalError("FUZZ_TARGET \(other ?? "is not set")")
    }
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    target(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// What parses is written and parsed again to the same value.
private func parseJSON(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes) else { return }
    let again = try? JSONValue(parsing: value.serialized())
    precondition(again == value, "a value does not survive being written and read")
}

private func parseManifest(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes) else { return }
    _ = try? value.decode(as: ImageManifest.self)
    _ = try? value.decode(as: ImageIndex.self)
    _ = try? value.decode(as: ImageConfig.self)
}

private func parseObject(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes) else { return }
    for type in ResourceType.all {
        _ = try? Admission.create(value, type: type, namespace: "default", validation: .strict)
    }
}
