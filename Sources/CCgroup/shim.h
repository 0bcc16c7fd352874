#pragma once
#include <libcgroup.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// libcgroup 2.0.2 keeps its table of mounts in 820 KB of zero-initialised data, all of which cgroup_init() touches. A
// monitor process lives as long as its container, so it gives those pages back after use; the next use begins with
// cgroup_init() again. The size is that of 2.0.2; whole pages inside it only.
extern char cg_mount_table[] __attribute__((weak));

static inline void wherry_cgroup_advise_mount_table(int advice) {
    if (cg_mount_table == 0) { return; }
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)cg_mount_table + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)cg_mount_table + 0xc8640) & ~(page - 1);
    if (to > from) { (void)madvise((void *)from, to - from, advice); }
}
static inline void wherry_cgroup_discard_mount_table(void) { wherry_cgroup_advise_mount_table(MADV_DONTNEED); }
// One call instead of 200 page faults; kernels before 5.14 refuse it and fault.
static inline void wherry_cgroup_populate_mount_table(void) {
    wherry_cgroup_advise_mount_table(23 /* MADV_POPULATE_WRITE */);
}

// bpf(2) has no wrapper in the C library; Swift cannot call the variadic syscall(2).
/// `attribute` is the first `size` bytes of a `union bpf_attr`; the kernel takes the rest as zero.
static inline int wherry_bpf(int command, void *attribute, unsigned size) {
    return (int)syscall(SYS_bpf, command, attribute, size);
}

static inline int wherry_bpf_load_device_program(const void *instructions, uint32_t count) {
    union bpf_attr attribute;
    __builtin_memset(&attribute, 0, sizeof attribute);
    attribute.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attribute.insns = (uint64_t)(uintptr_t)instructions;
    attribute.insn_cnt = count;
    attribute.license = (uint64_t)(uintptr_t)"Apache";
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attribute, sizeof attribute);
}

static inline int wherry_bpf_attach_device_program(int cgroup, int program) {
    union bpf_attr attribute;
    __builtin_memset(&attribute, 0, sizeof attribute);
    attribute.target_fd = (uint32_t)cgroup;
    attribute.attach_bpf_fd = (uint32_t)program;
    attribute.attach_type = BPF_CGROUP_DEVICE;
    attribute.attach_flags = BPF_F_ALLOW_MULTI;
    return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attribute, sizeof attribute);
}
