import Linux

/// What every face of the binary does first.
enum Process {
    /// Caps malloc's arenas, fixes name look-ups to files and DNS (a static glibc would otherwise load foreign shared
    /// objects named in nsswitch.conf), and ignores SIGPIPE, which a closed client would otherwise turn into our death.
    static func prepare() {
        Memory.configure()
        NameService.configure()
        signal(SIGPIPE, SIG_IGN)
        provideProc()
    }

    /// Mounts /proc, in a mount namespace of our own, where the root has none.
    ///
    /// libdispatch ends the program when it cannot read its threads' states there (`_dispatch_workq_monitor_pools`), and
    /// no container can be made without it. Without the right to mount, the program goes on and may fail later.
    private static func provideProc() {
        let newMountNamespace: Int32 = 0x20000  // CLONE_NEWNS
        guard access("/proc/self/stat", F_OK) != 0, errno == ENOENT, wherry_unshare(newMountNamespace) == 0 else {
            return
        }
        mkdir("/proc", 0o555)
        let recursivePrivate = UInt(1 << 14 | 1 << 18)  // MS_REC and MS_PRIVATE
        _ = mount(nil, "/", nil, recursivePrivate, nil)
        let noSuidNoDevNoExec = UInt(2 | 4 | 8)
        _ = mount("proc", "/proc", "proc", noSuidNoDevNoExec, nil)
    }
}
