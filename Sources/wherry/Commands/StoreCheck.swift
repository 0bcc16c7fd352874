import ArgumentParser
import JSON
import Linux
import NIOHTTP1

/// `wherry images --check`: prints what is damaged and what became of it.
enum StoreCheck {
    /// - Throws: `ExitCode(1)` when something stays damaged.
    static func run(_ client: LocalClient, quick: Bool, repair: Bool, _ output: String?) async throws {
        let report = try await client.json(
            .POST, "/wherry/v1/images/check",
            query: [("depth", quick ? "quick" : "full"), ("repair", repair ? "1" : "0")])
        let findings = report["findings"]?.arrayValue ?? []
        if output == "json" {
            print(String(decoding: report.serialized(pretty: true), as: UTF8.self))
        } else {
            for finding in findings { print(line(finding)) }
            print(summary(report, findings))
        }
        if count(findings, "damaged") > 0 { throw ExitCode(1) }
    }

    private static func line(_ finding: JSONValue) -> String {
        func text(_ name: String) -> String { finding[name]?.stringValue ?? "" }
        let digest = text("digest").split(separator: ":").last.map { String($0.prefix(12)) } ?? ""
        let images = (finding["images"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", ")
        let owner = images.isEmpty ? "" : " of \(images)"
        return "\(text("part")) \(digest)\(owner): \(text("problem")): \(text("outcome")): \(text("remedy"))"
    }

    private static func summary(_ report: JSONValue, _ findings: [JSONValue]) -> String {
        let repaired = count(findings, "repaired")
        let unknown = count(findings, "unverifiable")
        return "\(report["layers"]?.intValue ?? 0) layers, \(report["blobs"]?.intValue ?? 0) blobs, "
            + "\(ByteCount.text(report["bytes"]?.intValue ?? 0)) read: "
            + "\(repaired + count(findings, "damaged")) damaged, \(repaired) repaired"
            + (unknown == 0 ? "" : ", \(unknown) not judged")
    }

    private static func count(_ findings: [JSONValue], _ outcome: String) -> Int {
        findings.count { $0["outcome"]?.stringValue == outcome }
    }
}
