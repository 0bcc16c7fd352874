import Linux

/// An image's STOPSIGNAL: a number, or a name with or without `SIG`.
enum StopSignal {
    static func number(_ text: String?) -> Int32 {
        guard let text, !text.isEmpty else { return SIGTERM }
        if let number = Int32(text) { return (1...64).contains(number) ? number : SIGTERM }
        let upper = text.uppercased()
        let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        if let number = names[name] { return number }
        if name.hasPrefix("RTMIN+"), let offset = Int32(name.dropFirst(6)), (0...30).contains(offset) {
            return 34 + offset
        }
        if name == "RTMIN" { return 34 }
        return SIGTERM
    }

    private static let names: [String: Int32] = [
        "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ABRT": SIGABRT, "KILL": SIGKILL, "USR1": SIGUSR1,
        "USR2": SIGUSR2, "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM, "CONT": SIGCONT, "STOP": SIGSTOP,
        "WINCH": SIGWINCH, "PWR": SIGPWR,
    ]
}
