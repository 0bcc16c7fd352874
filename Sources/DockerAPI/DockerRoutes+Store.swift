internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import OCI

extension DockerRoutes {
    /// Checks the image store and repairs it: `depth=quick` or `full`, `repair=0` only finds. Docker has no such call; it
    /// stands beside the Engine API.
    func checkStore(_ query: Query) async throws -> Response {
        let depth = query["depth"] ?? "full"
        guard let depth = CheckDepth(rawValue: depth) else {
            throw DockerFailure(.badRequest, "unknown depth \"\(depth.prefix(40))\": quick or full")
        }
        let report = try await images.check(depth, repairing: query["repair"] != "0")
        let findings = report.findings.map { finding -> JSONValue in
            [
                "part": .string(finding.part.rawValue), "digest": .string(finding.digest.description),
                "images": .array(finding.images.map { .string($0) }), "problem": .string(finding.problem),
                "outcome": .string(finding.outcome.rawValue), "remedy": .string(finding.remedy),
            ]
        }
        return .json([
            "layers": .integer(Int64(report.layers)), "blobs": .integer(Int64(report.blobs)),
            "bytes": .integer(report.bytes), "findings": .array(findings),
        ])
    }
}
