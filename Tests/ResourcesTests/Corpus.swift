import JSON
import Linux
import Resources
import Testing
import YAML

/// The files of Tests/ValidationCorpus: for each kind good objects, and changes that make one of them bad, with what
/// kube-apiserver 1.33 answers.
struct Corpus: Sendable {
    let name: String
    let good: [String: JSONValue]
    let bad: [Bad]

    /// One change, or with no value a removal, and the answer without the object's name.
    struct Bad: Sendable, CustomTestStringConvertible {
        let object: JSONValue
        let path: String
        let value: JSONValue?
        let message: String

        var testDescription: String { "\(object["kind"]?.stringValue ?? ""): \(message)" }
    }

    /// In the order of their names; empty when they cannot be read, which a test notices.
    static let all: [Corpus] = {
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let directory = "/\(tests)/ValidationCorpus"
        let names = (try? Files.listDirectory(directory)) ?? []
        return names.sorted().compactMap { name in
            guard name.hasSuffix(".yaml"), let text = try? Files.read("\(directory)/\(name)") else { return nil }
            return (try? YAMLReader.documents(in: text).first).flatMap { Corpus(String(name.dropLast(5)), $0) }
        }
    }()

    private init?(_ name: String, _ document: JSONValue) {
        guard let good = document["good"]?.objectValue, let bad = document["bad"]?.arrayValue else { return nil }
        self.name = name
        self.good = good
        self.bad = bad.compactMap { entry in
            guard let object = entry["of"]?.stringValue.flatMap({ good[$0] }), let path = entry["path"]?.stringValue,
                let message = entry["message"]?.stringValue
            else { return nil }
            return Bad(object: object, path: path, value: entry["value"], message: message)
        }
        guard self.bad.count == bad.count else { return nil }
    }

    /// The smallest good object of a kind.
    static func minimal(_ name: String) -> JSONValue? { all.first { $0.name == name }?.good["minimal"] }
}
