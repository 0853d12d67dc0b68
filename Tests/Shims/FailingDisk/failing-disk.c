/* A disk that fails when a file says so, for a server under test: LD_PRELOAD puts these calls
   before the C library's. FAILING_DISK names the file; it holds lines "CALL SUFFIX", such as
   "write -wal": every such call on a file whose name ends so fails with EIO. CALL is read, write
   or sync. A missing or empty file lets everything pass. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *call, int descriptor) {
    const char *orders = getenv("FAILING_DISK");
    if (orders == NULL) return 0;
    char text[512];
    int file = (int)syscall(SYS_openat, AT_FDCWD, orders, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    long count = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (count <= 0) return 0;
    text[count] = 0;

    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;

    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char wanted[16], suffix[256];
        if (sscanf(line, "%15s %255s", wanted, suffix) != 2 || strcmp(wanted, call) != 0) continue;
        size_t tail = strlen(suffix);
        if ((size_t)length >= tail && strcmp(name + length - tail, suffix) == 0) {
            errno = EIO;
            return 1;
        }
    }
    return 0;
}

#define NEXT(result, name, ...)                                       \
    static result (*next)(__VA_ARGS__);                               \
    if (next == NULL) *(void **)&next = dlsym(RTLD_NEXT, name)

ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
    NEXT(ssize_t, "pread64", int, void *, size_t, off64_t);
    return fails("read", descriptor) ? -1 : next(descriptor, bytes, count, offset);
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    NEXT(ssize_t, "pread", int, void *, size_t, off_t);
    return fails("read", descriptor) ? -1 : next(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return fails("write", descriptor) ? -1 : next(descriptor, bytes, count, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return fails("write", descriptor) ? -1 : next(descriptor, bytes, count, offset);
}

int fsync(int descriptor) {
    NEXT(int, "fsync", int);
    return fails("sync", descriptor) ? -1 : next(descriptor);
}

int fdatasync(int descriptor) {
    NEXT(int, "fdatasync", int);
    return fails("sync", descriptor) ? -1 : next(descriptor);
}
