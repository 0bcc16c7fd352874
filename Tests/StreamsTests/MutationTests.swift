import NIOCore
import Testing

@testable import Streams

/// Small changes to good bytes, the same in every run, never trap and mean the same in whatever pieces they come.
@Suite struct MutationTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    private func mutated(_ bytes: [UInt8], _ generator: inout Generator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            guard !bytes.isEmpty else { return bytes }
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: index)
            default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
            }
        }
        return bytes
    }

    /// What came out, and whether the bytes were refused in the end.
    private func outcome(_ body: () throws -> [String]) -> [String]? { try? body() }

    @Test func spdyFramesMeanTheSameInPieces() {
        var generator = Generator(state: 38)
        let packer = HeaderDeflater()
        let good =
            SPDYTests.open(1, packer.pack([("streamtype", "error")]))
            + SPDYTests.open(3, packer.pack([("streamtype", "data"), ("port", "80")])) + SPDYTests.data(3, [1, 2, 3])
            + SPDYTests.control(6, [0, 0, 0, 1]) + SPDYTests.data(3, [], isLast: true)
        func events(_ bytes: [UInt8], _ pieces: Int) -> [String]? {
            outcome {
                // Data is cut where it comes; everything else is whole.
                try SPDYTests.events(bytes, pieces: pieces).flatMap { event -> [String] in
                    switch event {
                    case .data(let id, let data): return data.readableBytesView.map { "\(id): \($0)" }
                    case .opened(let id, let headers):
                        return ["opened \(id): \(headers.sorted { $0.key < $1.key })"]
                    default: return ["\(event)"]
                    }
                }
            }
        }
        var refused = 0
        for _ in 0..<3000 {
            let bytes = mutated(good, &generator)
            let whole = events(bytes, .max)
            if whole == nil { refused += 1 }
            #expect(events(bytes, Int.random(in: 1...20, using: &generator)) == whole, "\(bytes)")
        }
        #expect((500..<3000).contains(refused))
    }

    @Test func webSocketFramesMeanTheSameInPieces() {
        var generator = Generator(state: 6455)
        let good =
            WebSocketTests.frame(2, Array("hello".utf8)) + WebSocketTests.frame(2, [1], isFinal: false)
            + WebSocketTests.frame(9, [7]) + WebSocketTests.frame(0, [2])
            + WebSocketTests.frame(1, [UInt8](repeating: 5, count: 200))
            + WebSocketTests.frame(8, [3, 232])
        func messages(_ bytes: [UInt8], _ pieces: Int) -> [String]? {
            outcome { WebSocketTests.joined(try WebSocketTests.events(bytes, pieces: pieces)).map { "\($0)" } }
        }
        var refused = 0
        for _ in 0..<3000 {
            let bytes = mutated(good, &generator)
            let whole = messages(bytes, .max)
            if whole == nil { refused += 1 }
            #expect(messages(bytes, Int.random(in: 1...20, using: &generator)) == whole, "\(bytes)")
        }
        #expect((300..<3000).contains(refused))
    }
}
