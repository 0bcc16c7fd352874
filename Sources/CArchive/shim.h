// libarchive, and the two file system calls that unpacking needs and Swift's Glibc module does not export.
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <sys/xattr.h>

extern int syncfs(int fd);

static inline int carchive_syncfs(int fd) { return syncfs(fd); }
static inline int carchive_fsetxattr(int fd, const char *name, const void *value, size_t size) {
    return fsetxattr(fd, name, value, size, 0);
}
static inline ssize_t carchive_fgetxattr(int fd, const char *name, void *value, size_t size) {
    return fgetxattr(fd, name, value, size);
}
