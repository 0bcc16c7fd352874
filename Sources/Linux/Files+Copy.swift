extension Files {
    /// Copies what one directory holds into another: modes, owners, times and extended attributes too. Links are copied as
    /// links and never followed; sockets are left out.
    public static func copyContents(of source: Int32, to target: Int32) throws(SystemError) {
        for entry in try entries(of: source) {
            var info = stat()
            let name = entry.name
            try systemCall("fstatat", on: name) { fstatat(source, name, &info, AT_SYMLINK_NOFOLLOW) }
            switch info.st_mode & S_IFMT {
            case S_IFDIR: try copyDirectory(source, name, info, to: target)
            case S_IFREG: try copyFile(source, name, info, to: target)
            case S_IFLNK: try copyLink(source, name, info, to: target)
            case S_IFSOCK: continue
            default:
                try systemCall("mknodat", on: name) {
                    wherry_mknodat(
                        target, name, info.st_mode, wherry_major(UInt64(info.st_rdev)),
                        wherry_minor(UInt64(info.st_rdev)))
                }
                try take(info, target, name)
            }
        }
    }

    private static func copyDirectory(
        _ source: Int32, _ name: String, _ info: stat, to target: Int32
    ) throws(SystemError) {
        try systemCall("mkdirat", on: name) { mkdirat(target, name, 0o700) }
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        let from = try FileDescriptor.open(at: source, name, flags)
        let to = try FileDescriptor.open(at: target, name, flags)
        try copyContents(of: from.rawValue, to: to.rawValue)
        wherry_copy_extended_attributes(from.rawValue, to.rawValue)
        try take(info, target, name)
    }

    private static func copyFile(_ source: Int32, _ name: String, _ info: stat, to target: Int32) throws(SystemError) {
        let from = try FileDescriptor.open(at: source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        let to = try FileDescriptor.open(at: target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        while try systemCall("sendfile", on: name, { sendfile(to.rawValue, from.rawValue, nil, 1 << 30) }) > 0 {}
        wherry_copy_extended_attributes(from.rawValue, to.rawValue)
        try take(info, target, name)
    }

    private static func copyLink(_ source: Int32, _ name: String, _ info: stat, to target: Int32) throws(SystemError) {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        try systemCall("readlinkat", on: name) { readlinkat(source, name, &text, Int(PATH_MAX)) }
        try systemCall("symlinkat", on: name) { symlinkat(text, target, name) }
        try take(info, target, name)
    }

    /// Owner, mode and times, in this order: a change of owner takes set-user-ID away.
    private static func take(_ info: stat, _ directory: Int32, _ name: String) throws(SystemError) {
        try systemCall("fchownat", on: name) {
            fchownat(directory, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW)
        }
        if info.st_mode & S_IFMT != S_IFLNK {
            try systemCall("fchmodat", on: name) { fchmodat(directory, name, info.st_mode & 0o7777, 0) }
        }
        let times = [info.st_atim, info.st_mtim]
        try systemCall("utimensat", on: name) { utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) }
    }
}
