/// The C library's allocator and look-ups.
public enum Memory {
    /// One arena and a low trim threshold. Call it first thing in `main`.
    public static func configure() { wherry_malloc_configure() }

    /// Gives free memory back to the kernel; call it after a burst of work.
    public static func trim() { wherry_malloc_trim() }

    /// Gives the stack that deeper calls used back; on the main thread, before it waits for long.
    public static func releaseMainStack() { wherry_release_main_stack() }
}

/// Name look-ups of the C library.
public enum NameService {
    /// Restricts look-ups to files and DNS, so that a static program loads no shared object. Call it first thing in `main`.
    public static func configure() { wherry_configure_name_service() }
}
