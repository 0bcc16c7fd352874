/// How a process ended.
public enum ExitStatus: Hashable, Sendable {
    case exited(Int32)
    case signaled(Int32)

    /// From the status word of wait(2); nil when the process only stopped or continued.
    public init?(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        if signal == 0 {
            self = .exited((waitStatus >> 8) & 0xff)
        } else if signal != 0x7f {
            self = .signaled(signal)
        } else {
            return nil
        }
    }

    /// The shell's number for it: 128 + n for signal n.
    public var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}
