// What Swift cannot call: system calls without a libc function, variadic functions, and the code between vfork and exec.
// Functions carry the prefix wherry_, keep no state and allocate nothing. They return -1 and set errno unless said otherwise.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Processes.

/// clone3 without CLONE_VM: 0 in the child. `pidfd` may be NULL; `cgroup_fd` < 0 means "the parent's cgroup".
pid_t wherry_clone3(uint64_t flags, int *_Nullable pidfd, int cgroup_fd);
int wherry_pidfd_open(pid_t pid, unsigned flags);
int wherry_pidfd_send_signal(int pidfd, int signal);
int wherry_pidfd_getfd(int pidfd, int target);
int wherry_close_range(unsigned first, unsigned last, unsigned flags);
int wherry_setns(int fd, int types);
int wherry_unshare(int flags);
int wherry_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
/// Loads a filter of 8-byte BPF instructions for every thread.
int wherry_seccomp_load(const void *_Nonnull instructions, size_t count, unsigned flags);
int wherry_prlimit(pid_t pid, int resource, const uint64_t *_Nullable soft_hard, uint64_t *_Nullable old_soft_hard);
int wherry_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int wherry_capget(uint64_t *_Nonnull effective, uint64_t *_Nonnull permitted, uint64_t *_Nonnull inheritable);
int wherry_setgroups(size_t count, const gid_t *_Nullable groups);
int wherry_setresuid(uid_t uid);
int wherry_setresgid(gid_t gid);
int wherry_sethostname(const char *_Nonnull name, size_t length);
int wherry_setdomainname(const char *_Nonnull name, size_t length);
/// Resets every handler to the default and unblocks every signal; safe in a vfork child.
void wherry_reset_signals(void);
/// Blocks every signal.
int wherry_block_all_signals(void);
/// A signalfd of the given signals, which are blocked for the calling thread.
int wherry_signalfd(const int *_Nonnull signals, size_t count);
_Noreturn void wherry_exit_now(int status);
/// Leaves the session keyring for the one of that name, which is made if there is none; without a right to it for a new one.
int wherry_join_session_keyring(const char *_Nonnull name);
/// 0xffffffff asks for the present one.
int wherry_personality(unsigned long domain);
/// sched_setattr(2) for the caller; times in nanoseconds.
int wherry_sched_setattr(uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority, uint64_t runtime,
                         uint64_t deadline, uint64_t period);
/// ioprio_set(2) for the caller.
int wherry_ioprio_set(int class_and_level);
/// sched_setaffinity(2) with a mask of `size` bytes, for the caller.
int wherry_sched_setaffinity(const uint8_t *_Nonnull mask, size_t size);
/// set_mempolicy(2) with a mask of 64 nodes.
int wherry_set_mempolicy(int mode, uint64_t nodes);

struct wherry_spawn_request {
    const char *_Nullable path;  // ignored when exec_fd >= 0
    int exec_fd;  // executed with AT_EMPTY_PATH; -1 for none
    char *_Nullable const *_Nonnull argv;
    char *_Nullable const *_Nonnull envp;
    const int *_Nullable parent_fds;
    const int *_Nullable child_fds;
    size_t fd_count;  // at most 64
    const char *_Nullable working_directory;
    int new_session;
    int death_signal;  // sent to the child when the spawning thread ends; 0 for none
    const char *_Nullable failed_call;  // out: the call that failed in the child
};
/// vfork and exec. Descriptors not in the list are closed on exec; 0-2 are inherited unless given.
/// On failure errno is the child's and `failed_call` names its call; no process is left.
pid_t wherry_spawn(struct wherry_spawn_request *_Nonnull request, int *_Nonnull pidfd);
/// execve, or execveat of `fd` when `path` is NULL.
int wherry_exec(const char *_Nullable path, int fd, char *_Nullable const *_Nonnull argv, char *_Nullable const *_Nonnull envp);

// Files and mounts.

int wherry_openat2(int directory, const char *_Nonnull path, uint64_t flags, uint64_t mode, uint64_t resolve);
int wherry_mount(const char *_Nullable source, const char *_Nonnull target, const char *_Nullable type,
                 unsigned long flags, const char *_Nullable data);
int wherry_umount(const char *_Nonnull target, int flags);
int wherry_mount_setattr(int directory, const char *_Nonnull path, unsigned flags, uint64_t set, uint64_t clear,
                         uint64_t propagation);
/// Shows the files of a detached mount with the ids that a user namespace maps theirs to; `flags` has AT_EMPTY_PATH.
int wherry_mount_map_ids(int mount, unsigned flags, int user_namespace);
int wherry_open_tree(int directory, const char *_Nonnull path, unsigned flags);
int wherry_move_mount(int from_directory, const char *_Nonnull from, int to_directory, const char *_Nonnull to,
                      unsigned flags);
int wherry_fsopen(const char *_Nonnull type, unsigned flags);
int wherry_fsconfig(int fd, unsigned command, const char *_Nullable key, const char *_Nullable value, int auxiliary);
int wherry_fsmount(int fd, unsigned flags, unsigned attributes);
int wherry_pivot_root(const char *_Nonnull root, const char *_Nonnull old);
int wherry_renameat2(int from_directory, const char *_Nonnull from, int to_directory, const char *_Nonnull to,
                     unsigned flags);
/// Those that the target's file system refuses, and those longer than 8 KB, are left out.
void wherry_copy_extended_attributes(int from, int to);
int wherry_mknodat(int directory, const char *_Nonnull name, mode_t mode, unsigned major, unsigned minor);
unsigned wherry_major(uint64_t device);
unsigned wherry_minor(uint64_t device);
/// The file system's magic number, or -1.
int64_t wherry_filesystem_type(int fd);
/// The mount's ST_* flags, or -1.
int64_t wherry_mount_flags(int fd);
/// The mount identifier of what `fd` or `path` below it names, or -1.
int64_t wherry_mount_id(int directory, const char *_Nonnull path, int flags);
int wherry_memfd_create(const char *_Nonnull name, unsigned flags);
int wherry_ioctl_pointer(int fd, unsigned long request, void *_Nullable argument);
int wherry_ioctl_integer(int fd, unsigned long request, long argument);
/// dup2 that can set O_CLOEXEC.
int wherry_dup3(int from, int to, int close_on_exec);
int wherry_fcntl_integer(int fd, int command, int argument);
ssize_t wherry_getdents(int fd, void *_Nonnull buffer, size_t size);
/// Sets IFF_UP on the interface of the calling thread's network namespace.
int wherry_interface_up(const char *_Nonnull name);

/// A connection to the UNIX socket at `path`.
int wherry_connect_unix(const char *_Nonnull path);
/// A non-blocking socket that accepts connections to `path`, at most 8 waiting.
int wherry_listen_unix(const char *_Nonnull path);
/// A pair of connected stream sockets.
int wherry_socket_pair(int *_Nonnull ends);
/// Sends `data`, at least one byte, and with it the descriptor `fd`.
int wherry_send_descriptor(int socket, int fd, const void *_Nonnull data, size_t length);
/// Receives a descriptor with what `wherry_send_descriptor` sent; the data is dropped.
int wherry_receive_descriptor(int socket);
/// Terminals: the other end of the pseudo-terminal `master`, unlocked.
int wherry_terminal_peer(int master);
int wherry_terminal_resize(int fd, unsigned rows, unsigned columns);
/// The size of one terminal for another.
int wherry_terminal_copy_size(int from, int to);
/// Makes `fd` the session's controlling terminal.
int wherry_terminal_control(int fd);
/// Raw mode; the old mode is kept in `saved`, of at least 64 bytes.
int wherry_terminal_raw(int fd, void *_Nonnull saved, size_t capacity);
int wherry_terminal_restore(int fd, const void *_Nonnull saved);

// Events.

struct wherry_event {
    uint32_t events;
    uint64_t tag;
};
int wherry_epoll_create(void);
/// `operation` is 1 add, 2 remove, 3 change; `events` 1 = readable, 4 = writable.
int wherry_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t tag);
int wherry_epoll_wait(int epoll, struct wherry_event *_Nonnull events, int capacity, int timeout_milliseconds);
int wherry_eventfd(void);
int wherry_pipe(int *_Nonnull ends);

// The C library.

/// Names the calling thread; 15 bytes are kept.
void wherry_set_thread_name(const char *_Nonnull name);
void wherry_malloc_configure(void);
void wherry_malloc_trim(void);
/// Gives back the pages below the present frame. For the main thread only: nothing else is mapped near its stack.
void wherry_release_main_stack(void);
/// Look-ups read files and DNS only: a static program must not load the device's NSS modules.
void wherry_configure_name_service(void);

/// 1 when the kernel says that something (NTP, PTP) keeps the clock right; see adjtimex(2).
int wherry_clock_is_kept(void);

// Numbers that the Glibc module does not export.

enum {
    WHERRY_CLONE_NEWTIME = 0x00000080,
    WHERRY_CLONE_VM = 0x00000100,
    WHERRY_CLONE_PIDFD = 0x00001000,
    WHERRY_CLONE_PARENT = 0x00008000,
    WHERRY_CLONE_NEWNS = 0x00020000,
    WHERRY_CLONE_NEWCGROUP = 0x02000000,
    WHERRY_CLONE_NEWUTS = 0x04000000,
    WHERRY_CLONE_NEWIPC = 0x08000000,
    WHERRY_CLONE_NEWUSER = 0x10000000,
    WHERRY_CLONE_NEWPID = 0x20000000,
    WHERRY_CLONE_NEWNET = 0x40000000,
};

// This program's own file (CVE-2019-5736). A runtime's verb that enters containers is started over from a protected copy by
// a constructor, before anything else has run.

/// A descriptor of the file, to be executed, through which nobody can write it: a detached read-only clone of its mount,
/// where that cannot be had a sealed copy in memory.
int wherry_protected_copy(const char *_Nonnull path);
/// Whether this process runs from such a copy.
int wherry_is_protected(void);

// Called by crtbeginT.o in a static program; see docs/adr: with empty bodies the unwinder uses the sorted table in the file.
void __wrap___register_frame_info(const void *_Nullable begin, void *_Nullable object);
void *_Nullable __wrap___deregister_frame_info(const void *_Nullable begin);

/// The arguments as the kernel gave them, kept by a constructor: Swift's own list is read from /proc, which may be missing.
char *_Nullable *_Nonnull wherry_program_arguments(int *_Nonnull count);
/// The path by which the kernel started this program (AT_EXECFN).
const char *_Nullable wherry_program_path(void);

/// Where the static link puts the Swift runtime's search for its crash reporter (`--wrap`): there is none beside a single
/// file, and the search ends the program when /proc is not mounted.
char *_Nullable __wrap_swift_copyAuxiliaryExecutablePath(const char *_Nullable bin, const char *_Nullable name);
