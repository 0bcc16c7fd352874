// The only place that names the C library and the C shim: everything else imports Linux.
@_exported public import CLinux

#if canImport(Musl)
    @_exported public import Musl
#else
    @_exported public import Glibc
#endif

// GNU extensions that the modules leave out; equal on x86-64 and arm64.
// swift-format-ignore: AlwaysUseLowerCamelCase
public let O_PATH: Int32 = 0o10000000
// Reading must not write: for what is read while a device is idle. Only the owner of a file may ask for it.
// swift-format-ignore: AlwaysUseLowerCamelCase
public let O_NOATIME: Int32 = 0o1000000
// swift-format-ignore: AlwaysUseLowerCamelCase
public let AT_EMPTY_PATH: Int32 = 0x1000
