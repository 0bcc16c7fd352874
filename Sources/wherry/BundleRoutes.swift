import Bundles
import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Linux

/// What `wherry bundle` asks the agent for. Only the local socket: a path of the device is nothing to name from elsewhere.
struct BundleRoutes {
    let installer: BundleInstaller
    func register(on router: Router<ServingContext>) {
        router.get("wherry/v1/bundles") { [installer] _, _ in
            let installed = try await installer.installed().map { bundle -> JSONValue in
                [
                    "name": .string(bundle.name), "sequence": .integer(bundle.sequence),
                    "digest": .string(bundle.digest), "state": .string(bundle.state),
                ]
            }
            return Response.json(["bundles": .array(installed)])
        }
        router.post("wherry/v1/bundles/install") { [installer] request, context in
            guard context.listener == .unixSocket else {
                return Response.failure(
                    403, reason: "Forbidden",
                    message: "bundles are installed on the device itself: wherry bundle install FILE")
            }
            guard let path = request.uri.queryParameters["path"].map(String.init), path.hasPrefix("/") else {
                return Response.failure(
                    400, reason: "BadRequest", message: "path must be the absolute path of a bundle")
            }
            var patience = BundleInstaller.Patience()
            for (name, field) in [("wait", \BundleInstaller.Patience.wait), ("soak", \.soak)] {
                if let seconds = request.uri.queryParameters[name[...]].flatMap({ Int(String($0)) }) {
                    patience[keyPath: field] = .seconds(seconds)
                }
            }
            do {
                let updates = try await installer.install(path: path, patience: patience)
                return Response(
                    status: .ok, headers: [.contentType: "application/x-ndjson"],
                    body: .stream(for: request) { writer in
                        for await update in updates {
                            try await writer.write(Self.line(update).serialized() + [UInt8(ascii: "\n")])
                        }
                    })
            } catch let error as BundleError {
                return Response.failure(409, reason: error.code.rawValue, message: error.message)
            }
        }
    }

    private static func line(_ update: BundleInstaller.Update) -> JSONValue {
        switch update {
        case .progress(let text): return ["progress": .string(text)]
        case .finished(let receipt, let error):
            var line: JSONValue = ["finished": true]
            if let receipt { line["receipt"] = .string(String(decoding: receipt, as: UTF8.self)) }
            if let error { line["error"] = ["code": .string(error.code.rawValue), "message": .string(error.message)] }
            return line
        }
    }
}
