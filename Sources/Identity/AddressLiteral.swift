#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The 4 or 16 bytes of an IP address literal, nil for any other text.
func addressBytes(_ text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes[..<4]) }
    return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
}
