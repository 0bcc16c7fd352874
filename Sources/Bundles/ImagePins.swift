internal import FleetProtocol
internal import JSON
internal import OCI

/// Writes the digests of carried images into the objects that ask for them, so that nothing else can run under the name.
struct ImagePins {
    private let pins: [ImageReference: ImageReference]

    /// - Parameter pins: By the name that objects ask for.
    init(_ pins: [ImageReference: ImageReference]) { self.pins = pins }

    /// The images that the workloads of a document ask for, in order of their names.
    static func names(in document: Document) throws -> [ImageReference] {
        var names: Set<ImageReference> = []
        for object in document.objects {
            for spec in [
                object["spec"], object[path: "spec", "template", "spec"],
                object[path: "spec", "jobTemplate", "spec", "template", "spec"],
            ] {
                for list in ["initContainers", "containers"] {
                    for container in spec?[list]?.arrayValue ?? [] {
                        if let text = container["image"]?.stringValue {
                            names.insert(try ImageReference(parsing: text))
                        }
                    }
                }
            }
        }
        return names.sorted { $0.description < $1.description }
    }

    /// - Throws: ``BundleError`` with code `input` when the object asks for an image that is not carried.
    func pin(_ object: JSONValue) throws(BundleError) -> JSONValue {
        guard let reference = FleetProtocol.ObjectReference(of: object) else {
            throw BundleError(.input, "an object needs apiVersion, kind and metadata.name")
        }
        var result = object
        switch reference.kind {
        case "Pod": result["spec"] = try pinned(object["spec"], in: reference)
        case "CronJob":
            result["spec"]?["jobTemplate"]?["spec"]?["template"]?["spec"] = try pinned(
                object[path: "spec", "jobTemplate", "spec", "template", "spec"], in: reference)
        default:
            guard let spec = object[path: "spec", "template", "spec"] else { break }
            result["spec"]?["template"]?["spec"] = try pinned(spec, in: reference)
        }
        return result
    }

    private func pinned(_ spec: JSONValue?, in object: FleetProtocol.ObjectReference) throws(BundleError) -> JSONValue?
    {
        guard var spec else { return nil }
        for list in ["initContainers", "containers"] {
            guard let containers = spec[list]?.arrayValue else { continue }
            spec[list] = .array(try containers.map { container throws(BundleError) in try pinned(container, object) })
        }
        return spec
    }

    private func pinned(_ container: JSONValue, _ object: FleetProtocol.ObjectReference) throws(BundleError)
        -> JSONValue
    {
        guard let text = container["image"]?.stringValue else { return container }
        guard let name = try? ImageReference(parsing: text) else {
            throw BundleError(.input, "\(object): \"\(text.prefix(200))\" is not the name of an image")
        }
        guard let pin = pins[name] ?? name.digest.flatMap({ pins[name.pinned(to: $0)] }) else {
            let known = pins.keys.filter { $0.digest == nil }.map(\.familiar).sorted().joined(separator: ", ")
            throw BundleError(
                .input,
                "\(object) asks for the image \(name.familiar), which the bundle does not carry (it carries: "
                    + "\(known.isEmpty ? "none" : known)); add it with --image or --archive")
        }
        var container = container
        container["image"] = .string(pin.familiar)
        return container
    }
}
