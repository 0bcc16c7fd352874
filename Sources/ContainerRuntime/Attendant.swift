import Linux
import OCI

/// Stands between the user and a process in the foreground: passes signals on, and relays its terminal when it has one and the
/// user's is to show it.
struct Attendant {
    /// What the process is given to send its terminal to; nil when it has none.
    private(set) var console: Int32?
    private var receiver: Int32 = -1
    private var master: Int32 = -1
    private let signals: Int32
    private var savedMode = [UInt8](repeating: 0, count: 128)
    private var isRaw = false

    private static let forwarded = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCONT, SIGWINCH]

    init(_ process: RuntimeSpec.Process?, _ options: Runtime.BundleOptions) throws(RuntimeError) {
        signals = try stage("watch signals") {
            try systemCall("signalfd") { wherry_signalfd(Self.forwarded, Self.forwarded.count) }
        }
        guard process?.terminal == true else { return }
        if options.consoleSocket != nil {
            console = try options.console(for: process)
            return
        }
        var ends: [Int32] = [-1, -1]
        try stage("make a console socket") { try systemCall("socketpair") { wherry_socket_pair(&ends) } }
        receiver = ends[0]
        console = ends[1]
    }

    /// Takes the terminal over, once the process has sent it.
    mutating func begin() throws(RuntimeError) {
        guard receiver >= 0 else { return }
        let receiver = receiver
        master = try stage("receive the terminal") { try systemCall("recvmsg") { wherry_receive_descriptor(receiver) } }
        _ = wherry_terminal_copy_size(0, master)
        let capacity = savedMode.count
        isRaw = savedMode.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { wherry_terminal_raw(0, $0, capacity) == 0 } ?? false
        }
    }

    mutating func end() {
        if isRaw {
            savedMode.withUnsafeBytes { bytes in
                if let mode = bytes.baseAddress { _ = wherry_terminal_restore(0, mode) }
            }
        }
        isRaw = false
    }

    /// Returns when the process has ended and all of its terminal's output is written.
    func attend(_ pidfd: Int32) {
        var entries = [pidfd, signals, master, master >= 0 ? 0 : -1].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        while entries[0].revents == 0 {
            guard poll(&entries, 4, -1) > 0 else { continue }
            if entries[1].revents != 0 { forwardSignal(to: pidfd) }
            if entries[2].revents != 0, !Self.copy(from: master, to: 1) { entries[2].fd = -1 }
            if entries[3].revents != 0, !Self.copy(from: 0, to: master) { entries[3].fd = -1 }
        }
        guard entries[2].fd >= 0 else { return }
        _ = wherry_fcntl_integer(master, F_SETFL, O_NONBLOCK)
        while Self.copy(from: master, to: 1) {}
    }

    private func forwardSignal(to pidfd: Int32) {
        var information = [UInt32](repeating: 0, count: 32)  // struct signalfd_siginfo; the number comes first
        while information.withUnsafeMutableBytes({ read(signals, $0.baseAddress, $0.count) }) == 128 {
            let signal = Int32(bitPattern: information[0])
            if signal == SIGWINCH, master >= 0 {
                _ = wherry_terminal_copy_size(0, master)
            } else {
                _ = wherry_pidfd_send_signal(pidfd, signal)
            }
        }
    }

    /// False at the end of the input.
    private static func copy(from source: Int32, to target: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = buffer.withUnsafeMutableBytes { read(source, $0.baseAddress, $0.count) }
        guard count > 0 else { return false }
        return (try? Files.writeAll(target, Array(buffer[..<count]))) != nil
    }
}
