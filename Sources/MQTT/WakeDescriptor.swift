import Linux

/// An eventfd that ends the network thread's poll. Closed with its last user, so a late signal hits no foreign file.
final class WakeDescriptor: Sendable {
    let rawValue: Int32

    init() throws(MQTTError) {
        rawValue = wherry_eventfd()
        guard rawValue >= 0 else {
            throw MQTTError(.invalid, "cannot make an event descriptor", cause: Errno.last)
        }
    }

    deinit { _ = close(rawValue) }

    func signal() {
        var one: UInt64 = 1
        _ = write(rawValue, &one, 8)
    }

    func clear() {
        var count: UInt64 = 0
        _ = read(rawValue, &count, 8)
    }
}
