import Linux

/// What every face of the binary does first.
enum Process {
    /// Caps malloc's arenas, fixes name look-ups to files and DNS (a static glibc would otherwise load foreign shared
    /// objects named in nsswitch.conf), and ignores SIGPIPE, which a closed client would otherwise turn into our death.
    static func prepare() {
        Memory.configure()
        NameService.configure()
        signal(SIGPIPE, SIG_IGN)
    }
}
