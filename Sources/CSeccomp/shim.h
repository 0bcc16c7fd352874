#pragma once
#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Loads a filter of 8-byte BPF instructions: seccomp(2)'s result. NULL asks whether the kernel knows the flags: EFAULT
/// if so.
static inline int wherry_seccomp_set(const void *_Nullable instructions, size_t count, unsigned flags) {
    struct {
        unsigned short count;
        const void *_Nullable instructions;
    } program = {(unsigned short)count, instructions};
    return (int)syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, flags, instructions ? &program : NULL);
}

/// Loads a filter that has a listener, and sends the listener with `data` over `socket` in one message.
///
/// Nobody answers what the filter asks about before the message has arrived: sendmsg is the only call in between, and
/// nothing is allocated. Returns 0, -1 when the filter was not loaded, -2 when the message could not be sent.
static inline int wherry_seccomp_set_listening(const void *_Nonnull instructions, size_t count, unsigned flags,
                                               int socket, const void *_Nonnull data, size_t length) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {.iov_base = (void *)data, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    int listener = wherry_seccomp_set(instructions, count, flags);
    if (listener < 0) return -1;
    memcpy(CMSG_DATA(header), &listener, sizeof listener);
    while (vector.iov_len > 0) {
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return -2;
        // A stream may take a part only; the descriptor has gone with the first.
        vector.iov_base = (char *)vector.iov_base + sent;
        vector.iov_len -= (size_t)sent;
        message.msg_control = NULL;
        message.msg_controllen = 0;
    }
    // From here on there is somebody to answer. A process that kept its own listener would wait for itself for ever.
    close(listener);
    close(socket);
    return 0;
}
