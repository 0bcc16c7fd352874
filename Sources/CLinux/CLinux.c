#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/timex.h>
#include <sys/auxv.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <netdb.h>
#include <nss.h>
#endif

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif

// Processes

struct clone_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

pid_t wherry_clone3(uint64_t flags, int *pidfd, int cgroup_fd) {
    // With CLONE_PARENT the signal is the parent's own.
    struct clone_arguments arguments = {.flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD};
    if (pidfd) {
        arguments.flags |= WHERRY_CLONE_PIDFD;
        arguments.pidfd = (uint64_t)(uintptr_t)pidfd;
    }
    if (cgroup_fd >= 0) {
        arguments.flags |= 0x200000000ULL;  // CLONE_INTO_CGROUP
        arguments.cgroup = (uint64_t)cgroup_fd;
    }
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

int wherry_pidfd_open(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
int wherry_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
int wherry_pidfd_getfd(int pidfd, int target) { return (int)syscall(SYS_pidfd_getfd, pidfd, target, 0); }
int wherry_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}
int wherry_setns(int fd, int types) { return (int)syscall(SYS_setns, fd, types); }
int wherry_unshare(int flags) { return (int)syscall(SYS_unshare, flags); }
int wherry_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return (int)syscall(SYS_prctl, option, a, b, c, d);
}
int wherry_seccomp_load(const void *instructions, size_t count, unsigned flags) {
    if (count > 4096) {  // BPF_MAXINSNS
        errno = E2BIG;
        return -1;
    }
    struct { unsigned short count; const void *instructions; } program = {(unsigned short)count, instructions};
    return (int)syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, flags, &program);
}
int wherry_prlimit(pid_t pid, int resource, const uint64_t *soft_hard, uint64_t *old_soft_hard) {
    return (int)syscall(SYS_prlimit64, pid, resource, soft_hard, old_soft_hard);
}

int wherry_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}
int wherry_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

// The raw calls: they change this thread only, and the callers have one.
int wherry_setgroups(size_t count, const gid_t *groups) { return (int)syscall(SYS_setgroups, count, groups); }
int wherry_setresuid(uid_t uid) { return (int)syscall(SYS_setresuid, uid, uid, uid); }
int wherry_setresgid(gid_t gid) { return (int)syscall(SYS_setresgid, gid, gid, gid); }
int wherry_sethostname(const char *name, size_t length) { return sethostname(name, length); }
int wherry_setdomainname(const char *name, size_t length) { return setdomainname(name, length); }

// Raw rt_sigaction and rt_sigprocmask: glibc's functions may take locks that another thread held at the time of the vfork.
void wherry_reset_signals(void) {
    uint64_t action[8] = {0};  // SIG_DFL, no flags, empty mask, on every architecture
    for (int signal = 1; signal <= 64; signal++) {
        if (signal == SIGKILL || signal == SIGSTOP) continue;
        syscall(SYS_rt_sigaction, signal, action, NULL, 8);
    }
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}
int wherry_block_all_signals(void) {
    uint64_t all = ~0ULL;
    return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
}
int wherry_signalfd(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
void wherry_exit_now(int status) { _exit(status); }
int wherry_join_session_keyring(const char *name) {
    // One of that name may be another user's.
    int joined = (int)syscall(SYS_keyctl, 1, name);  // KEYCTL_JOIN_SESSION_KEYRING
    return joined >= 0 ? joined : (int)syscall(SYS_keyctl, 1, NULL);
}
int wherry_personality(unsigned long domain) { return (int)syscall(SYS_personality, domain); }
int wherry_sched_setattr(uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority, uint64_t runtime,
                         uint64_t deadline, uint64_t period) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {sizeof attributes, policy, flags, nice, priority, runtime, deadline, period};
    return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}
int wherry_ioprio_set(int class_and_level) {
    return (int)syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, class_and_level);
}
int wherry_sched_setaffinity(const uint8_t *mask, size_t size) {
    return (int)syscall(SYS_sched_setaffinity, 0, size, mask);
}
int wherry_set_mempolicy(int mode, uint64_t nodes) {
    unsigned long mask = nodes;
    return (int)syscall(SYS_set_mempolicy, mode, nodes ? &mask : NULL, nodes ? 65 : 0);
}

int wherry_exec(const char *path, int fd, char *const *argv, char *const *envp) {
    if (path) return execve(path, argv, envp);
    return (int)syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

#define SPAWN_FDS 64
struct spawn_child {
    struct wherry_spawn_request *request;
    int error;
};

// Runs on its own stack in the parent's address space while the parent's thread waits: system calls only.
static int spawn_child(void *context) {
    struct spawn_child *child = context;
    struct wherry_spawn_request *request = child->request;
    int moved[SPAWN_FDS];
    int lowest = 3;
    const char *call = "rt_sigaction";
    wherry_reset_signals();
#define CHECK(name, expression) \
    do { call = name; if ((expression) < 0) goto failed; } while (0)
    if (request->new_session) CHECK("setsid", setsid());
    if (request->death_signal) CHECK("prctl", wherry_prctl(PR_SET_PDEATHSIG, request->death_signal, 0, 0, 0));
    if (request->working_directory) CHECK("chdir", chdir(request->working_directory));
    CHECK("close_range", wherry_close_range(3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */));
    for (size_t i = 0; i < request->fd_count; i++)
        if (request->child_fds[i] >= lowest) lowest = request->child_fds[i] + 1;
    for (size_t i = 0; i < request->fd_count; i++)
        CHECK("fcntl", moved[i] = fcntl(request->parent_fds[i], F_DUPFD_CLOEXEC, lowest));
    int exec_fd = request->exec_fd;
    if (exec_fd >= 0) CHECK("fcntl", exec_fd = fcntl(exec_fd, F_DUPFD_CLOEXEC, lowest));
    for (size_t i = 0; i < request->fd_count; i++) CHECK("dup2", dup2(moved[i], request->child_fds[i]));
    CHECK("execve", wherry_exec(exec_fd >= 0 ? NULL : request->path, exec_fd, request->argv, request->envp));
failed:
    child->error = errno;
    request->failed_call = call;
    _exit(127);
#undef CHECK
}

pid_t wherry_spawn(struct wherry_spawn_request *request, int *pidfd) {
    if (request->fd_count > SPAWN_FDS) {
        errno = E2BIG;
        return -1;
    }
    const size_t size = 64 * 1024;
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -1;
    struct spawn_child child = {.request = request, .error = 0};
    // No signal handler may run in the child with the parent's memory.
    uint64_t all = ~0ULL, old = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
    int descriptor = -1;
    pid_t pid = clone(spawn_child, stack + size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &descriptor);
    int error = pid < 0 ? errno : child.error;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
    munmap(stack, size);
    if (pid >= 0 && error != 0) {
        close(descriptor);
        syscall(SYS_wait4, pid, NULL, 0, NULL);
    }
    if (error != 0) {
        errno = error;
        return -1;
    }
    *pidfd = descriptor;
    return pid;
}

// Files and mounts

int wherry_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct { uint64_t flags, mode, resolve; } how = {flags, mode, resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}
int wherry_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return mount(source, target, type, flags, data);
}
int wherry_umount(const char *target, int flags) { return umount2(target, flags); }
int wherry_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                         uint64_t propagation) {
    struct { uint64_t set, clear, propagation, userns_fd; } attributes = {set, clear, propagation, 0};
    return (int)syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof attributes);
}
int wherry_mount_map_ids(int mount, unsigned flags, int user_namespace) {
    struct { uint64_t set, clear, propagation, userns_fd; } attributes = {
        0x100000, 0, 0, (uint64_t)user_namespace};  // MOUNT_ATTR_IDMAP
    return (int)syscall(SYS_mount_setattr, mount, "", flags, &attributes, sizeof attributes);
}
int wherry_open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, directory, path, flags);
}
int wherry_move_mount(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    return (int)syscall(SYS_move_mount, from_directory, from, to_directory, to, flags);
}
int wherry_fsopen(const char *type, unsigned flags) { return (int)syscall(SYS_fsopen, type, flags); }
int wherry_fsconfig(int fd, unsigned command, const char *key, const char *value, int auxiliary) {
    return (int)syscall(SYS_fsconfig, fd, command, key, value, auxiliary);
}
int wherry_fsmount(int fd, unsigned flags, unsigned attributes) {
    return (int)syscall(SYS_fsmount, fd, flags, attributes);
}
int wherry_pivot_root(const char *root, const char *old) { return (int)syscall(SYS_pivot_root, root, old); }
int wherry_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
}
int wherry_mknodat(int directory, const char *name, mode_t mode, unsigned major_number, unsigned minor_number) {
    return mknodat(directory, name, mode, makedev(major_number, minor_number));
}
unsigned wherry_major(uint64_t device) { return major(device); }
unsigned wherry_minor(uint64_t device) { return minor(device); }
void wherry_copy_extended_attributes(int from, int to) {
    char names[8192], value[8192];
    ssize_t length = flistxattr(from, names, sizeof names);
    for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
        ssize_t size = fgetxattr(from, name, value, sizeof value);
        if (size >= 0) (void)fsetxattr(to, name, value, (size_t)size, 0);
    }
}
int64_t wherry_filesystem_type(int fd) {
    struct statfs info;
    if (fstatfs(fd, &info) != 0) return -1;
    return (int64_t)(uint32_t)info.f_type;
}
int64_t wherry_mount_flags(int fd) {
    struct statvfs info;
    if (fstatvfs(fd, &info) != 0) return -1;
    return (int64_t)info.f_flag;
}
int64_t wherry_mount_id(int directory, const char *path, int flags) {
    struct statx info;
    if (statx(directory, path, flags, STATX_MNT_ID, &info) != 0) return -1;
    if (!(info.stx_mask & STATX_MNT_ID)) {
        errno = ENOSYS;
        return -1;
    }
#ifdef __GLIBC__
    uint64_t identifier;  // stx_mnt_id at offset 144: named only in newer headers
    memcpy(&identifier, (const char *)&info + 144, sizeof identifier);
    return (int64_t)identifier;
#else
    return (int64_t)info.stx_mnt_id;
#endif
}
int wherry_memfd_create(const char *name, unsigned flags) { return (int)syscall(SYS_memfd_create, name, flags); }
int wherry_ioctl_pointer(int fd, unsigned long request, void *argument) { return ioctl(fd, request, argument); }
int wherry_ioctl_integer(int fd, unsigned long request, long argument) { return ioctl(fd, request, argument); }
int wherry_dup3(int from, int to, int close_on_exec) { return dup3(from, to, close_on_exec ? O_CLOEXEC : 0); }
int wherry_fcntl_integer(int fd, int command, int argument) { return fcntl(fd, command, argument); }
ssize_t wherry_getdents(int fd, void *buffer, size_t size) { return syscall(SYS_getdents64, fd, buffer, size); }

int wherry_interface_up(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    if (strlen(name) >= IFNAMSIZ) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(request.ifr_name, name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int result = ioctl(fd, SIOCGIFFLAGS, &request);
    if (result == 0) {
        request.ifr_flags |= IFF_UP;
        result = ioctl(fd, SIOCSIFFLAGS, &request);
    }
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

int wherry_connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
int wherry_listen_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
int wherry_socket_pair(int *ends) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }
int wherry_send_descriptor(int socket, int fd, const void *data, size_t length) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {.iov_base = (void *)data, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}
int wherry_receive_descriptor(int socket) {
    char data[4096];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec vector = {.iov_base = data, .iov_len = sizeof data};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS) {
        errno = EBADMSG;
        return -1;
    }
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
int wherry_terminal_peer(int master) {
    int unlocked = 0;
    if (ioctl(master, TIOCSPTLCK, &unlocked) != 0) return -1;
    return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}
int wherry_terminal_resize(int fd, unsigned rows, unsigned columns) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}
int wherry_terminal_copy_size(int from, int to) {
    struct winsize size;
    return ioctl(from, TIOCGWINSZ, &size) != 0 ? -1 : ioctl(to, TIOCSWINSZ, &size);
}
int wherry_terminal_control(int fd) { return ioctl(fd, TIOCSCTTY, 0); }
int wherry_terminal_raw(int fd, void *saved, size_t capacity) {
    struct termios mode;
    if (capacity < sizeof mode) {
        errno = EINVAL;
        return -1;
    }
    if (tcgetattr(fd, &mode) != 0) return -1;
    memcpy(saved, &mode, sizeof mode);
    cfmakeraw(&mode);
    return tcsetattr(fd, TCSANOW, &mode);
}
int wherry_terminal_restore(int fd, const void *saved) {
    struct termios mode;
    memcpy(&mode, saved, sizeof mode);
    return tcsetattr(fd, TCSANOW, &mode);
}

// Events

int wherry_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
int wherry_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
    struct epoll_event event = {.events = events, .data = {.u64 = tag}};
    return epoll_ctl(epoll, operation, fd, &event);
}
int wherry_epoll_wait(int epoll, struct wherry_event *events, int capacity, int timeout_milliseconds) {
    struct epoll_event raw[32];
    int count = epoll_wait(epoll, raw, capacity > 32 ? 32 : capacity, timeout_milliseconds);
    for (int i = 0; i < count; i++) {
        events[i].events = raw[i].events;
        events[i].tag = raw[i].data.u64;
    }
    return count;
}
int wherry_pipe(int *ends) { return pipe2(ends, O_CLOEXEC); }
int wherry_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// The C library

void wherry_set_thread_name(const char *name) { wherry_prctl(PR_SET_NAME, (unsigned long)(uintptr_t)name, 0, 0, 0); }

void wherry_malloc_configure(void) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}
void wherry_malloc_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
void wherry_release_main_stack(void) {
    const uintptr_t page = 4096, depth = 64 * 1024;
    // Below what this frame and its red zone need.
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - 512) & ~(page - 1);
    (void)madvise((void *)(end - depth), depth, MADV_DONTNEED);
}
int wherry_clock_is_kept(void) {
    struct timex state = {.modes = 0};
    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}
void wherry_configure_name_service(void) {
#ifdef __GLIBC__
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
    __nss_configure_lookup("shadow", "files");
    __nss_configure_lookup("services", "files");
    __nss_configure_lookup("protocols", "files");
#endif
}

void __wrap___register_frame_info(const void *begin, void *object) {
    (void)begin;
    (void)object;
}
void *__wrap___deregister_frame_info(const void *begin) {
    (void)begin;
    return NULL;
}

char *__wrap_swift_copyAuxiliaryExecutablePath(const char *bin, const char *name) {
    (void)bin;
    (void)name;
    return NULL;
}

static char **program_arguments;
static int program_argument_count;

__attribute__((constructor)) static void keep_program_arguments(int count, char **arguments) {
    program_argument_count = count;
    program_arguments = arguments;
}

char **wherry_program_arguments(int *count) {
    *count = program_argument_count;
    return program_arguments;
}

const char *wherry_program_path(void) { return (const char *)getauxval(AT_EXECFN); }
