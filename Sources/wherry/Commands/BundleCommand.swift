import ArgumentParser
import AsyncHTTPClient
import Bundles
import DeviceLink
import FleetProtocol
import JSON
import Linux
import NIOCore
import NIOHTTP1
import OCI

/// `wherry bundle`
struct BundleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle",
        abstract: "Images and objects in one signed file, for devices without a network; see docs/bundles.md.",
        subcommands: [
            CreateBundle.self, VerifyBundle.self, InstallBundle.self, ListBundles.self, ReceiptCommand.self,
        ])
}

/// `wherry bundle verify FILE`
struct VerifyBundle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every byte of a bundle and say who signed it; needs no daemon.",
        discussion: "Trusted are the given keys, or without any the keys and the hub of the data directory.")

    @Option(help: "An Ed25519 public key in PEM; can be repeated.")
    var key: [String] = []
    @Option(name: .customLong("data-dir"), help: "The data directory of a device.")
    var data = "/var/lib/wherry"
    @Flag(help: "Print the manifest as JSON.")
    var json = false
    @Argument(help: "The bundle.")
    var file: String

    func run() async throws {
        let reader = try BundleReader(path: file, trust: try trust())
        _ = try reader.check()
        if json { return print(String(decoding: try reader.manifest.serialized(), as: UTF8.self)) }
        for line in BundleReport.lines(reader) { print(line) }
    }

    private func trust() throws -> BundleTrust {
        guard key.isEmpty else {
            return BundleTrust(keys: try key.map(SigningKeyFile.publicKey(path:)), hub: nil, source: "--key")
        }
        let identity = DeviceIdentity.isPresent(in: data) ? try DeviceIdentity.load(from: data) : nil
        return try BundleTrust.load(dataDirectory: data, hub: identity?.trust)
    }
}

/// A bundle in words.
enum BundleReport {
    static func lines(_ reader: BundleReader) -> [String] {
        let manifest = reader.manifest
        let carried = reader.carriedBlobs
        var lines = [
            "bundle    \(manifest.name), sequence \(manifest.sequence)",
            "digest    \(reader.digest)",
            "signed by \(reader.isSignedByHub ? "the hub's key" : "key") \(reader.signers.sorted().joined(separator: ", "))",
            "issued    \(RFC3339.format(seconds: manifest.issuedAt))",
            "expires   \(manifest.expiresAt.map { RFC3339.format(seconds: $0) } ?? "never")",
            "devices   \(manifest.devices.isEmpty ? "any" : manifest.devices.joined(separator: ", "))",
        ]
        for image in manifest.images {
            let missing = image.layers.filter { !carried.contains($0.blob) }
            let base =
                missing.isEmpty ? "" : ", \(missing.count) of \(image.layers.count) layers expected on the device"
            lines.append("image     \(image.names.map(\.familiar).joined(separator: ", ")) (\(image.platform)\(base))")
        }
        let bytes = manifest.files.reduce(0) { $0 + $1.size }
        lines.append("content   \(manifest.files.count) files, \(bytes) bytes, all as signed")
        return lines
    }
}

/// `wherry bundle install FILE`
struct InstallBundle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Install a bundle on this device; what does not become ready goes back to what was there.",
        discussion:
            "Exit status 0: installed and ready. 1: refused with nothing changed, or taken back; the receipt says which."
    )

    @OptionGroup var client: ClientOptions
    @Option(help: "Seconds that its workloads may take to become ready.")
    var wait = 300
    @Option(help: "Seconds that they must stay ready.")
    var soak = 10
    @Option(
        help: "Where the receipt goes; without this beside the bundle, as FILE.DEVICE.receipt.json or .refusal.json.")
    var receipt: String?
    @Flag(name: .shortAndLong, help: "Say nothing on the way.")
    var quiet = false
    @Argument(help: "The bundle.")
    var file: String

    func validate() throws {
        guard wait > 0, soak >= 0 else { throw ValidationError("--wait and --soak are numbers of seconds") }
    }

    func run() async throws {
        let path = try DaemonDirectories.absolute(file)
        let response = try await LocalClient(client).send(
            .POST, "/wherry/v1/bundles/install", query: [("path", path), ("wait", "\(wait)"), ("soak", "\(soak)")])
        guard response.status == .ok else {
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            throw CommandError(LocalClient.message(in: bytes) ?? "the agent answered \(response.status)")
        }
        var pending: [UInt8] = []
        var last: JSONValue?
        var told = ""
        for try await chunk in response.body {
            pending += Array(buffer: chunk)
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = try JSONValue(parsing: Array(pending[..<end]))
                pending.removeFirst(end + 1)
                if let text = line["progress"]?.stringValue, text != told, !quiet {
                    told = text
                    Wherry.write(toStandardError: text)
                }
                if line["finished"] != nil { last = line }
            }
        }
        guard let last else {
            throw CommandError(
                "the agent ended before bundle \(file) was installed; install it again once the agent runs")
        }
        try finish(last)
    }

    private func finish(_ line: JSONValue) throws {
        if let text = line["receipt"]?.stringValue {
            let bytes = Array(text.utf8)
            let told = try BundleReceipt.parse(bytes).receipt
            // A bundle that is tried again and refused must not take the proof of its first installation.
            let kind = told.result == .refused ? "refusal" : "receipt"
            let path = receipt ?? "\(file).\(told.device).\(kind).json"
            do { try Files.writeAtomically(bytes + [UInt8(ascii: "\n")], to: path, mode: 0o644) } catch {
                // The verdict counts more than its paper.
                Wherry.write(
                    toStandardError:
                        "wherry: cannot write the receipt \(path): \(error.errno); name another with --receipt")
            }
            if line["error"] == nil {
                return print(
                    "bundle \(told.bundle) \(told.sequence) is installed and \(told.result.rawValue); receipt: \(path)")
            }
        }
        let error = line["error"]
        throw CommandError(
            "\(error?["message"]?.stringValue ?? "not installed") (\(error?["code"]?.stringValue ?? "unknown"))")
    }
}

/// `wherry bundle list`
struct ListBundles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the bundles that are installed on this device.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        let answer = try await LocalClient(client).json(.GET, "/wherry/v1/bundles")
        let rows = (answer["bundles"]?.arrayValue ?? []).map { bundle in
            [
                bundle["name"]?.stringValue ?? "", "\(bundle["sequence"]?.intValue ?? 0)",
                bundle["state"]?.stringValue ?? "", bundle["digest"]?.stringValue ?? "",
            ]
        }
        TextTable.print([["NAME", "SEQUENCE", "STATE", "DIGEST"]] + rows)
    }
}

/// `wherry bundle receipt FILE`
struct ReceiptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receipt",
        abstract: "Show what a device wrote about a bundle, and tell the hub, which checks the device's signature.")

    @OptionGroup var client: ClientOptions
    @Flag(name: .customLong("show-only"), help: "Tell nobody; the signature is not checked.")
    var showOnly = false
    @Argument(help: "The receipt.")
    var file: String

    func run() async throws {
        let bytes: [UInt8]
        do { bytes = try Files.read(file, limit: BundleReceipt.limit) } catch {
            throw CommandError("cannot read \(file): \(error.errno)")
        }
        let receipt = try BundleReceipt.parse(bytes.filter { $0 != UInt8(ascii: "\n") }).receipt
        var verdict = "not checked"
        if !showOnly {
            let answer = try await LocalClient(client).json(
                .POST, "/wherry/v1/bundles/receipts", body: try JSONValue(parsing: bytes))
            verdict = answer["verdict"]?.stringValue ?? "taken in"
        }
        print("bundle    \(receipt.bundle), sequence \(receipt.sequence)")
        print("digest    \(receipt.digest)")
        print("device    \(receipt.device), agent \(receipt.agent)")
        print("time      \(RFC3339.format(seconds: receipt.time)) (\(receipt.timeQuality.rawValue))")
        print("result    \(receipt.result.rawValue)\(receipt.message.map { ": \($0)" } ?? "")")
        for state in receipt.objects {
            print("object    \(state.object): \(state.state)\(state.message.map { ", \($0)" } ?? "")")
        }
        print("signature \(verdict)")
    }
}
