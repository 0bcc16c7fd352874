internal import FleetProtocol
internal import Logging
internal import MQTT

/// Messages on their way to the broker: in order for each device, several devices at once.
///
/// Nothing waits here for a broker that is away: what a device still needs is found again from its record.
struct OutgoingLanes: Sendable {
    struct Item: Sendable {
        let topic: Topic
        let payload: [UInt8]
        var retain = false
        /// Seconds after which the broker may drop it.
        var expiry: UInt32?
    }

    private let lanes: [(stream: AsyncStream<Item>, continuation: AsyncStream<Item>.Continuation)]

    init(count: Int = 8) {
        lanes = (0..<count).map { _ in AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(8192)) }
    }

    func add(_ item: Item, for device: DeviceID) {
        lanes[Int(device.hashValue.magnitude % UInt(lanes.count))].continuation.yield(item)
    }

    /// Publishes until the task is cancelled. `connection` gives the present one, nil while there is none.
    func run(logger: Logger, connection: @escaping @Sendable () async -> MQTTConnection?) async {
        await withTaskGroup(of: Void.self) { group in
            for lane in lanes {
                group.addTask {
                    for await item in lane.stream {
                        guard let connection = await connection() else { continue }
                        do throws(MQTTError) {
                            try await connection.publish(
                                item.topic.string, item.payload, retain: item.retain, expiry: item.expiry)
                        } catch {
                            logger.debug(
                                "message not sent", metadata: ["topic": "\(item.topic.string)", "error": "\(error)"])
                        }
                    }
                }
            }
        }
    }
}
