/* Loaded before libc (LD_PRELOAD): logs in order what a process does to the files below one directory.
 *
 *   POWER_UNDER   the directory, absolute and without links
 *   POWER_LOG     the log, which must not lie below it
 *   POWER_MARKS   what is written to this file is a marker: it goes into the log, with the name M
 *
 * A record is a header and two byte strings (names, or data); power_disk.py reads it. A call and its record are one step
 * for all threads, so the log has the true order. A sync is logged and not done: nobody pulls the plug of this machine.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

struct __attribute__((packed)) header {
    char what;
    uint64_t file, at;
    uint32_t first, second;
};

static const char *under, *marks;
static int log_fd = -1;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("POWER_LOG");
    under = getenv("POWER_UNDER");
    marks = getenv("POWER_MARKS");
    if (path && under && marks)
        log_fd = REAL(int, open, const char *, int, ...)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void tell(char what, uint64_t file, uint64_t at, const void *first, size_t length, const char *second) {
    struct header header = {what, file, at, (uint32_t)length, (uint32_t)strlen(second)};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)first, length}, {(void *)second, strlen(second)}};
    int before = errno;
    if (writev(log_fd, parts, 3) != (ssize_t)(sizeof header + length + strlen(second)))
        abort(); /* an incomplete log would judge wrongly */
    errno = before;
}

static int below(const char *path) {
    size_t length = log_fd < 0 ? 0 : strlen(under);
    return length && !strncmp(path, under, length) && (!path[length] || path[length] == '/');
}

/* The name of what is open as `fd`, empty when it is none of ours. */
static const char *name_of(int fd, char name[PATH_MAX]) {
    char link[64];
    int before = errno;
    if (log_fd < 0)
        return "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, PATH_MAX - 1);
    name[length < 0 ? 0 : length] = 0;
    errno = before;
    return below(name) || !strcmp(name, marks) ? name : "";
}

static uint64_t file_of(int fd) {
    struct stat status;
    return fstat(fd, &status) ? 0 : status.st_ino;
}

static void wrote(int fd, const void *bytes, ssize_t count, off_t at) {
    char name[PATH_MAX];
    if (count <= 0 || !*name_of(fd, name))
        return;
    if (!strcmp(name, marks))
        tell('M', 0, 0, bytes, count, "");
    else
        tell('W', file_of(fd), at, bytes, count, "");
}

ssize_t write(int fd, const void *bytes, size_t size) {
    pthread_mutex_lock(&one);
    ssize_t count = REAL(ssize_t, write, int, const void *, size_t)(fd, bytes, size);
    if (count > 0 && log_fd >= 0) {
        int before = errno;
        off_t end = lseek(fd, 0, SEEK_CUR); /* of a pipe or a terminal: none, and it is none of ours */
        errno = before;
        wrote(fd, bytes, count, end - count);
    }
    pthread_mutex_unlock(&one);
    return count;
}

#define PWRITE(name)                                                                                   \
    ssize_t name(int fd, const void *bytes, size_t size, off_t at) {                                   \
        pthread_mutex_lock(&one);                                                                      \
        ssize_t count = REAL(ssize_t, name, int, const void *, size_t, off_t)(fd, bytes, size, at);    \
        wrote(fd, bytes, count, at);                                                                   \
        pthread_mutex_unlock(&one);                                                                    \
        return count;                                                                                  \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name)                                                                                \
    int name(int fd, off_t size) {                                                                     \
        char path[PATH_MAX];                                                                           \
        pthread_mutex_lock(&one);                                                                      \
        int failed = REAL(int, name, int, off_t)(fd, size);                                            \
        if (!failed && *name_of(fd, path))                                                             \
            tell('T', file_of(fd), size, "", 0, "");                                                   \
        pthread_mutex_unlock(&one);                                                                    \
        return failed;                                                                                 \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define FSYNC(name)                                                                                    \
    int name(int fd) {                                                                                 \
        char path[PATH_MAX];                                                                           \
        struct stat status;                                                                            \
        if (!*name_of(fd, path))                                                                       \
            return REAL(int, name, int)(fd);                                                           \
        pthread_mutex_lock(&one);                                                                      \
        if (!fstat(fd, &status))                                                                       \
            tell(S_ISDIR(status.st_mode) ? 'D' : 'S', status.st_ino, 0, path, strlen(path), "");       \
        pthread_mutex_unlock(&one);                                                                    \
        return 0;                                                                                      \
    }
FSYNC(fsync)
FSYNC(fdatasync)

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    struct stat status;
    if (!below(path))
        return real(path, flags, mode);
    pthread_mutex_lock(&one);
    int before = errno, there = !lstat(path, &status);
    errno = before;
    int fd = real(path, flags, mode);
    if (fd >= 0 && !there)
        tell('C', file_of(fd), 0, path, strlen(path), "");
    else if (fd >= 0 && flags & O_TRUNC)
        tell('T', file_of(fd), 0, "", 0, "");
    pthread_mutex_unlock(&one);
    return fd;
}

#define OPEN(name)                                                                                     \
    int name(const char *path, int flags, ...) {                                                       \
        va_list rest;                                                                                  \
        va_start(rest, flags);                                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                      \
        va_end(rest);                                                                                  \
        return opened(REAL(int, name, const char *, int, ...), path, flags, mode);                     \
    }
OPEN(open)
OPEN(open64)

/* A change of names: `call` is what does it. */
#define NAMES(what, call, first, second)                                                               \
    pthread_mutex_lock(&one);                                                                          \
    int failed = call;                                                                                 \
    if (!failed && below(first))                                                                       \
        tell(what, 0, 0, first, strlen(first), second);                                                \
    pthread_mutex_unlock(&one);                                                                        \
    return failed

int rename(const char *old, const char *new) {
    NAMES('R', REAL(int, rename, const char *, const char *)(old, new), old, new);
}

int link(const char *old, const char *new) {
    NAMES('L', REAL(int, link, const char *, const char *)(old, new), old, new);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    NAMES('L', REAL(int, linkat, int, const char *, int, const char *, int)(from, old, to, new, flags), old, new);
}

int symlink(const char *target, const char *path) {
    NAMES('Y', REAL(int, symlink, const char *, const char *)(target, path), path, target);
}

int unlink(const char *path) {
    NAMES('U', REAL(int, unlink, const char *)(path), path, "");
}

int mkdir(const char *path, mode_t mode) {
    NAMES('K', REAL(int, mkdir, const char *, mode_t)(path, mode), path, "");
}
