import CLinux

/// The running program, known without /proc.
public enum Program {
    /// The arguments, the program's own name first.
    public static var arguments: [String] {
        var count: Int32 = 0
        let pointers = wherry_program_arguments(&count)
        return (0..<Int(count)).compactMap { pointers[$0].map { String(cString: $0) } }
    }

    /// The path by which the kernel started it; relative to the directory of that moment, perhaps.
    public static var path: String? { wherry_program_path().map { String(cString: $0) } }
}
