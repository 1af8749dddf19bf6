/* Lets writes below a folder fail with an error number that a file says; 0 lets them succeed.
 * Loaded by LD_PRELOAD into Butler's processes, whose Python and Go libraries both use libc here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static volatile int *number;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAILING_DISK_ERROR");
    folder = getenv("FAILING_DISK_FOLDER");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *at = mmap(NULL, sizeof(int), PROT_READ, MAP_SHARED, file, 0);
        number = at == MAP_FAILED ? NULL : at;
        close(file);
    }
}

static int is_below(const char *path) { return !strncmp(path, folder, strlen(folder)); }

static int fails(int file) {
    char link[64], path[PATH_MAX];
    if (!number || !folder || !*number) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!is_below(path)) return 0;
    errno = *number;
    return 1;
}

static int fails_to_open(const char *path, int flags) {
    if (!number || !folder || !*number || !is_below(path)) return 0;
    if (!(flags & (O_WRONLY | O_RDWR | O_CREAT))) return 0;
    if (*number == EIO || *number == EDQUOT) return 0;
    errno = *number;
    return 1;
}

#define NEXT(name) static __typeof__(name) *next; if (!next) next = dlsym(RTLD_NEXT, #name)

#define WRITES(name, result, parameters, arguments) \
    result name parameters { NEXT(name); return fails(file) ? -1 : next arguments; }

WRITES(write, ssize_t, (int file, const void *data, size_t size), (file, data, size))
WRITES(pwrite, ssize_t, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
WRITES(pwrite64, ssize_t, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))
WRITES(ftruncate, int, (int file, off_t size), (file, size))
WRITES(ftruncate64, int, (int file, off64_t size), (file, size))
WRITES(fsync, int, (int file), (file))
WRITES(fdatasync, int, (int file), (file))

#define OPENS(name, first, second) \
    int name first { \
        NEXT(name); mode_t mode = 0; \
        if (flags & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
        return fails_to_open(path, flags) ? -1 : next second; }

OPENS(open, (const char *path, int flags, ...), (path, flags, mode))
OPENS(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENS(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPENS(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))
