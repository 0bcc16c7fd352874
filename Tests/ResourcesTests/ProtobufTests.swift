import JSON
import Testing

@testable import Resources

/// Bodies that kubectl 1.33 sent: `create deployment e --image=nginx:1 --replicas=0 --port=80`, `create secret generic t
/// --from-literal=p=w`, `create cronjob cc --image=busybox --schedule=@hourly -- true`, `create pdb pp --selector=app=d
/// --max-unavailable=25%`, `create ingress ii --rule=a.example/=svc:80`, `create quota qq --hard=cpu=500m`,
/// `autoscale deployment e --max=3 --cpu-percent=50`.
@Suite("Protobuf bodies") struct ProtobufTests {
    private static func document(_ base64: String) throws -> JSONValue {
        try ProtobufReader.document(try #require(Base64.decode(base64)))
    }

    @Test("a Deployment: numbers that are 0 by choice stay, what was not said is absent")
    func deploymentBody() throws {
        let value = try Self.document(Self.deployment)
        #expect(value["apiVersion"] == "apps/v1")
        #expect(value["kind"] == "Deployment")
        #expect(value[path: "spec", "replicas"] == 0)
        #expect(value[path: "spec", "minReadySeconds"] == nil)
        #expect(value[path: "spec", "selector"] == ["matchLabels": ["app": "e"]])
        #expect(value["status"] == nil)
        #expect(
            value[at: "spec.template.spec.containers"] == [
                ["name": "nginx", "image": "nginx:1", "ports": [["containerPort": 80]]]
            ])
    }

    @Test("bytes are base64, quantities and percentages texts, enclosed messages members of their owner")
    func values() throws {
        #expect(try Self.document(Self.secret)["data"] == ["p": "dw=="])
        #expect(try Self.document(Self.quota)[path: "spec", "hard"] == ["cpu": "500m"])
        #expect(try Self.document(Self.budget)[path: "spec", "maxUnavailable"] == "25%")
        let ingress = try Self.document(Self.ingress)
        #expect(ingress[at: "spec.rules[0].http.paths[0].backend.service"] == ["name": "svc", "port": ["number": 80]])
        let autoscaler = try Self.document(Self.autoscaler)
        #expect(autoscaler[path: "spec", "maxReplicas"] == 3)
        #expect(autoscaler[at: "spec.metrics[0].resource.target.averageUtilization"] == 50)
        let job = try Self.document(Self.cronJob)
        #expect(job[at: "spec.jobTemplate.spec.template.spec.restartPolicy"] == "OnFailure")
        #expect(job[path: "spec", "schedule"] == "@hourly")
    }

    @Test("each is admitted as the same object in JSON would be")
    func admission() throws {
        for body in [
            Self.deployment, Self.secret, Self.quota, Self.budget, Self.ingress, Self.autoscaler, Self.cronJob,
        ] {
            let value = try Self.document(body)
            let type = try #require(
                ResourceType.of(
                    apiVersion: value["apiVersion"]?.stringValue ?? "", kind: value["kind"]?.stringValue ?? ""))
            _ = try Admission.create(value, type: type, namespace: "default")
        }
    }

    @Test("a body that is cut short or changed is refused or read, and never ends the process")
    func damage() throws {
        let whole = try #require(Base64.decode(Self.deployment))
        let readable = (0..<whole.count).filter { (try? ProtobufReader.document(Array(whole[..<$0]))) != nil }
        // Only an end between two of the envelope's fields leaves a message.
        #expect(readable.count <= 3)
        for index in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[index] ^= 1 << UInt8(bit)
                _ = try? ProtobufReader.document(bytes)
            }
        }
    }

    @Test("a field that is repeated half a million times costs no more than its size", .timeLimit(.minutes(5)))
    func repetition() throws {
        let subsets = (0..<500_000).flatMap { _ -> [UInt8] in [0x12, 0x00] }
        var length: [UInt8] = []
        var rest = subsets.count
        while rest > 0 {
            length.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        }
        let body =
            ProtobufReader.magic + [0x0A, 0x0F, 0x0A, 0x02, 0x76, 0x31, 0x12, 0x09] + Array("Endpoints".utf8)
            + [0x12] + length + subsets
        #expect(try ProtobufReader.document(body)["subsets"]?.arrayValue?.count == 500_000)
    }

    @Test("nesting without end, unknown kinds and other magic are refused in words")
    func refusals() throws {
        func refusal(_ bytes: [UInt8]) -> String? {
            do throws(StatusError) { _ = try ProtobufReader.document(bytes) } catch { return error.message }
            return nil
        }
        #expect(refusal(Array("{}".utf8))?.contains("k8s\\0") == true)
        let nothing = ProtobufReader.magic + [0x0A, 0x09, 0x0A, 0x02, 0x76, 0x31, 0x12, 0x03, 0x46, 0x6F, 0x6F]
        #expect(refusal(nothing) == "no kind \"Foo\" is registered for version \"v1\"")
        #expect(refusal(ProtobufReader.magic + [0x0A, 0xFF])?.contains("it ends within") == true)
    }

    private static let deployment =
        "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErIBChsKAWUSABoAIgAqADIAOABCAFoICgNhcHASAWUShAEIABIKCggKA2FwcBIB"
        + "ZRpsChoKABIAGgAiACoAMgA4AEIAWggKA2FwcBIBZRJOEjAKBW5naW54EgduZ2lueDoxKgAyCgoAEAAYUCIAKgBCAGoAcgCAAQCI"
        + "AQCQAQCiAQAaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAIgIKACgAOAAaDAgAEAAYACAAKAA4ABoAIgA="
    private static let secret =
        "azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBdBIAGgAiACoAMgA4AEIAEgYKAXASAXcaABoAIgA="
    private static let cronJob =
        "azhzAAoTCghiYXRjaC92MRIHQ3JvbkpvYhKgAQoSCgJjYxIAGgAiACoAMgA4AEIAEocBCgdAaG91cmx5GgAqegoSCgJjYxIAGgAi"
        + "ACoAMgA4AEIAEmQyYgoQCgASABoAIgAqADIAOABCABJOEicKAmNjEgdidXN5Ym94GgR0cnVlKgBCAGoAcgCAAQCIAQCQAQCiAQAa"
        + "CU9uRmFpbHVyZTIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAGgAaACIA"
    private static let budget =
        "azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSOQoSCgJwcBIAGgAiACoAMgA4AEIAEhcSCgoICgNhcHASAWQa"
        + "CQgBEAAaAzI1JRoKCAAYACAAKAAwABoAIgA="
    private static let ingress =
        "azhzAAofChRuZXR3b3JraW5nLms4cy5pby92MRIHSW5ncmVzcxJGChIKAmlpEgAaACIAKgAyADgAQgASLBoqCglhLmV4YW1wbGUS"
        + "HQobChkKAS8SDSILCgNzdmMSBAoAEFAaBUV4YWN0GgIKABoAIgA="
    private static let quota =
        "azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRInChIKAnFxEgAaACIAKgAyADgAQgASDwoNCgNjcHUSBgoENTAwbRoAGgAiAA=="
    private static let autoscaler =
        "azhzAAopCg5hdXRvc2NhbGluZy92MhIXSG9yaXpvbnRhbFBvZEF1dG9zY2FsZXISWwoRCgFlEgAaACIAKgAyADgAQgASQAoYCgpE"
        + "ZXBsb3ltZW50EgFlGgdhcHBzL3YxGAMiIgoIUmVzb3VyY2UiFgoDY3B1Eg8KC1V0aWxpemF0aW9uIDIaBBgAIAAaACIA"
}
