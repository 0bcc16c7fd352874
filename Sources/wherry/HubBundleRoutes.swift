import Bundles
import FleetProtocol
import HTTPServing
import HTTPTypes
import Hub
import Hummingbird
import Images
import JSON
import Linux
import Logging
import NIOCore
import OCI

/// What `wherry bundle` asks a hub for.
struct HubBundleRoutes {
    private static let orderLimit = 1 << 20

    let hub: FleetHub
    let content: PullThroughCache
    /// `host:port` of the hub as devices write it.
    let addresses: @Sendable () -> Set<String>
    let logger: Logger

    func register(on router: Router<ServingContext>) {
        router.post("wherry/v1/bundles") { [self] request, _ in
            await answer {
                let body = Array(buffer: try await request.body.collect(upTo: Self.orderLimit))
                let writer = try await bundle(try JSONValue(parsing: body))
                return Response(
                    status: .ok, headers: [.contentType: "application/octet-stream"],
                    body: .download { [signer = hub.identity.signer, logger] stream in
                        do {
                            try await writer.write(signedBy: signer) { try await stream.write($0) }
                        } catch {
                            logger.error("a bundle broke off", metadata: ["error": "\(error)"])
                            throw error
                        }
                    })
            }
        }
        router.post("wherry/v1/bundles/receipts") { [self] request, _ in
            await answer {
                let body = Array(buffer: try await request.body.collect(upTo: BundleReceipt.limit))
                return Response.json(["verdict": .string(try await hub.take(receipt: body))])
            }
        }
    }

    private func bundle(_ order: JSONValue) async throws -> BundleWriter {
        let base = try (order["base"]?.arrayValue ?? []).compactMap(\.stringValue).map { try Digest(parsing: $0) }
        var bundle = try FleetBundle(
            content: content, addresses: addresses(), issuedAt: WallClock.now().seconds,
            expiresAt: order["expires"]?.intValue.map(Int64.init), base: base)
        for name in (order["devices"]?.arrayValue ?? []).compactMap(\.stringValue) {
            let delivery = try await hub.delivery(to: name)
            guard let platform = order["platform"]?.stringValue ?? delivery.architecture else {
                throw CommandError(
                    "the hub does not know what \(name) is built of, since it never connected; give --platform")
            }
            try await bundle.add(
                device: delivery.device, head: delivery.head, document: delivery.document,
                platform: try Platform(parsing: platform))
        }
        return try bundle.finish()
    }

    private func answer(_ work: () async throws -> Response) async -> Response {
        do { return try await work() } catch {
            return Response.failure(400, reason: "BadRequest", message: "\(error)")
        }
    }
}
