// libarchive, and the few file system calls that unpacking needs and Swift's Glibc module does not export.
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

extern int syncfs(int fd);
extern int sync_file_range(int fd, off_t offset, off_t count, unsigned int flags);
extern int fallocate(int fd, int mode, off_t offset, off_t length);

static inline int carchive_syncfs(int fd) { return syncfs(fd); }
// Starts to write all dirty pages of a file, and waits for none (SYNC_FILE_RANGE_WRITE).
static inline int carchive_begin_writeback(int fd) { return sync_file_range(fd, 0, 0, 2); }
// 1 for tmpfs and ramfs (statfs(2)).
static inline int carchive_is_in_memory(const char *path) {
    struct statfs info;
    return statfs(path, &info) == 0 && (info.f_type == 0x01021994 || info.f_type == (long)0x858458f6);
}
// The name in a directory's entry, where it stands: Swift would copy all 256 bytes of it.
static inline const char *carchive_name(const struct dirent *entry) { return entry->d_name; }
static inline int carchive_is_dot(const char *name) {
    return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}
static inline int carchive_fallocate(int fd, off_t size) { return fallocate(fd, 0, 0, size); }
// fs-verity (kernel documentation, filesystems/fsverity.rst), by the numbers of <linux/fsverity.h> and <linux/fs.h>, whose
// other names would clash with the C library's.
struct carchive_verity {
    unsigned int version, hash_algorithm, block_size, salt_size;
    unsigned long long salt;
    unsigned int signature_size, reserved1;
    unsigned long long signature, reserved2[11];
};
// SHA-256 over blocks of 4096 bytes, without salt or signature.
static inline int carchive_enable_verity(int fd) {
    struct carchive_verity argument = {.version = 1, .hash_algorithm = 1, .block_size = 4096};
    return ioctl(fd, _IOW('f', 133, struct carchive_verity), &argument);
}
static inline int carchive_has_verity(int fd) {
    int flags = 0;
    return ioctl(fd, _IOR('f', 1, long), &flags) == 0 && (flags & 0x00100000) != 0;
}
static inline int carchive_fsetxattr(int fd, const char *name, const void *value, size_t size) {
    return fsetxattr(fd, name, value, size, 0);
}
static inline ssize_t carchive_fgetxattr(int fd, const char *name, void *value, size_t size) {
    return fgetxattr(fd, name, value, size);
}
static inline ssize_t carchive_flistxattr(int fd, void *names, size_t size) {
    return flistxattr(fd, names, size);
}
