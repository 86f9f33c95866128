#ifndef CUSTODE_CLINUX_SHIM_H
#define CUSTODE_CLINUX_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>

/* openat2(2) has no wrapper in glibc. Returns a descriptor, or -errno. */
static inline int custode_openat2(int directory, const char *path, int flags, unsigned mode,
                                  unsigned long long resolve) {
    struct open_how how = {
        .flags = (unsigned long long)flags | O_CLOEXEC,
        .mode = mode,
        .resolve = resolve,
    };
    long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return descriptor < 0 ? -errno : (int)descriptor;
}

static const int custode_o_tmpfile = O_TMPFILE;
static const unsigned long long custode_resolve_beneath =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
/* RESOLVE_CACHED, which Debian 12's headers may lack. */
static const unsigned long long custode_resolve_cached = 0x20;

/* getdents64(2): fills the buffer with records of names, returns how many bytes, 0 at the end, or -errno. */
static inline long custode_getdents(int directory, void *buffer, unsigned long size) {
    long count = syscall(SYS_getdents64, directory, buffer, size);
    return count < 0 ? -errno : count;
}

/* renameat2(2) that replaces nothing. Returns 0 or -errno. */
static inline int custode_rename_new(int from, const char *name, int to, const char *new_name) {
    return syscall(SYS_renameat2, from, name, to, new_name, 1 /* RENAME_NOREPLACE */) < 0 ? -errno : 0;
}

/* syncfs(2) of the file system that holds the descriptor. Returns 0 or -errno. */
static inline int custode_sync_file_system(int descriptor) { return syncfs(descriptor) < 0 ? -errno : 0; }

/* Settings of glibc's allocator (mallopt(3)), whose names Swift's Glibc module does not carry. */
static inline void custode_mmap_threshold(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }
static inline void custode_trim_threshold(int bytes) { mallopt(M_TRIM_THRESHOLD, bytes); }
static inline void custode_arenas(int count) { mallopt(M_ARENA_MAX, count); }

#endif
