#ifndef CUSTODE_CLINUX_SHIM_H
#define CUSTODE_CLINUX_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* With all features on, fd_set's member has another name than in the modules that have them not (Glibc, CLibCurl), and a
   build that starts from nothing fails where these meet. */
#include <features.h>
#pragma push_macro("__USE_XOPEN")
#undef __USE_XOPEN
#include <sys/select.h>
#pragma pop_macro("__USE_XOPEN")
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/fs.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

/* preadv2(2) of what the page cache holds; waits for no disk. Returns how many bytes, or -errno. */
static inline long custode_pread_cached(int file, void *space, unsigned long size, long long offset) {
    struct iovec piece = {.iov_base = space, .iov_len = size};
    long count = preadv2(file, &piece, 1, offset, RWF_NOWAIT);
    return count < 0 ? -errno : count;
}

/* getdents64(2): many entries of a directory at once. Returns how many bytes of them, or -errno. */
static inline long custode_getdents(int directory, void *space, unsigned long size) {
    long count = syscall(SYS_getdents64, directory, space, size);
    return count < 0 ? -errno : count;
}

/* renameat2(2) that never replaces what is there. Returns 0, or -errno. */
static inline int custode_rename(int from_directory, const char *from, int to_directory, const char *to) {
    return syscall(SYS_renameat2, from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0 ? 0 : -errno;
}

/* syncfs(2): all of the file system that a descriptor belongs to. Returns 0, or -errno. */
static inline int custode_syncfs(int descriptor) {
    return syscall(SYS_syncfs, descriptor) == 0 ? 0 : -errno;
}

static const int custode_o_tmpfile = O_TMPFILE;
static const int custode_o_path = O_PATH;
static const int custode_at_empty_path = AT_EMPTY_PATH;
/* For utimensat(2): the time it is, and a time that stays. */
static const long custode_utime_now = UTIME_NOW;
static const long custode_utime_omit = UTIME_OMIT;
static const unsigned long long custode_resolve_beneath =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
/* RESOLVE_CACHED, which Debian 12's headers may lack. */
static const unsigned long long custode_resolve_cached = 0x20;

/* Settings of glibc's allocator (mallopt(3)), whose names Swift's Glibc module does not carry. */
static inline void custode_mmap_threshold(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }
static inline void custode_trim_threshold(int bytes) { mallopt(M_TRIM_THRESHOLD, bytes); }
static inline void custode_arenas(int count) { mallopt(M_ARENA_MAX, count); }

#endif
