#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MEMORY_FLAGS 0x3  // MFD_CLOEXEC | MFD_ALLOW_SEALING
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define SEAL_WRITE 0x8
#define ALL_SEALS 0xf  // seal, shrink, grow, write
#define CLONE_OF_MOUNT (1 | O_CLOEXEC)  // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
#define READ_ONLY_MOUNT 0x7  // MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV

static int close_and_fail(int fd) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int sealed_copy(const char *path) {
    int source = open(path, O_RDONLY | O_CLOEXEC);
    if (source < 0) return -1;
    int copy = wherry_memfd_create("wherry", MEMORY_FLAGS);
    if (copy < 0) return close_and_fail(source);
    ssize_t sent;
    do sent = sendfile(copy, source, NULL, 1 << 30);
    while (sent > 0 || (sent < 0 && errno == EINTR));
    if (sent < 0 || fchmod(copy, 0500) != 0 || fcntl(copy, F_ADD_SEALS, ALL_SEALS) != 0) {
        close_and_fail(source);
        return close_and_fail(copy);
    }
    close(source);
    return copy;
}

int wherry_protected_copy(const char *path) {
    int clone = wherry_open_tree(AT_FDCWD, path, CLONE_OF_MOUNT);
    if (clone >= 0) {
        if (wherry_mount_setattr(clone, "", AT_EMPTY_PATH, READ_ONLY_MOUNT, 0, 0) == 0) return clone;
        close(clone);
    }
    return sealed_copy(path);
}

int wherry_is_protected(void) {
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    // A file that was executed by its descriptor: a read-only mount with a path may be made writable again.
    const char *name = (const char *)getauxval(AT_EXECFN);
    int64_t flags = name && strncmp(name, "/dev/fd/", 8) == 0 ? wherry_mount_flags(file) : 0;
    int seals = fcntl(file, F_GET_SEALS);
    close(file);
    return (flags > 0 && flags & ST_RDONLY) || (seals >= 0 && seals & SEAL_WRITE);
}

// Whether the arguments may be those of a runtime's verb whose own clone becomes a container, or enters one.
static int enters_containers(int count, char **arguments) {
    if (count < 2) return 0;
    const char *slash = strrchr(arguments[0], '/');
    int is_alone = strcmp(slash ? slash + 1 : arguments[0], "wherry-oci") == 0;
    if (!is_alone && strcmp(arguments[1], "runtime") != 0) return 0;
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "run") == 0 || strcmp(arguments[i], "create") == 0 || strcmp(arguments[i], "exec") == 0)
            return 1;
    }
    return 0;
}

// Of a caller that has closed them: a file that we open would become the container's.
static void open_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
}

// First of all constructors, so that what is thrown away has cost nothing. Where it fails the verb refuses to go on.
__attribute__((constructor(101))) static void start_over(int count, char **arguments, char **environment) {
    open_standard_descriptors();
    if (!enters_containers(count, arguments) || wherry_is_protected()) return;
    int file = wherry_protected_copy("/proc/self/exe");
    if (file >= 0) wherry_exec(NULL, file, arguments, environment);
}
