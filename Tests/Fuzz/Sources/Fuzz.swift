import FleetProtocol
import JSON
import Linux
import OCI
import Resources
import YAML

/// The parser under test. Each takes any bytes and must neither trap nor hang.
private let target = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? "none"

private func parse(_ bytes: [UInt8]) {
    switch target {
    case "json": parseJSON(bytes)
    case "yaml": _ = try? YAMLReader.documents(in: bytes)
    case "reference": _ = try? ImageReference(parsing: String(decoding: bytes, as: UTF8.self))
    case "manifest": parseManifest(bytes)
    case "object": parseObject(bytes)
    case "protobuf": _ = try? ProtobufReader.document(bytes)
    case "head": _ = try? SignedEnvelope(parsing: bytes)
    case "quantity": _ = Quantity(String(decoding: bytes, as: UTF8.self))
    case "config": parseConfig(bytes)
    case "user": findUser(bytes)
    case "mount": parseMountOptions(bytes)
    case "seccomp": compileFilter(bytes)
    case "bundle": readBundle(bytes)
    case "chunked": readContents(bytes)
    case "spdy": readSPDY(bytes)
    case "websocket": readWebSocket(bytes)
    case "patch": applyPatch(bytes)
    case "selector": readSelectors(bytes)
    default: fatalError("FUZZ_TARGET \(target) is not known")
    }
}

/// libFuzzer's loop. Its own `main` is not used: SwiftPM has the linker take `fuzz_main` for an executable named fuzz.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

@_cdecl("fuzz_main")
public func fuzzMain(_ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    var (count, words) = (count, words)
    return runDriver(&count, &words) { fuzzOne($0, $1) }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    parse(Array(UnsafeBufferPointer(start: start, count: count)))
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
