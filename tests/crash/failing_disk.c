/* A disk that fails on command, loaded before the C library's own functions.
 *
 * The file named by FAILING_DISK has a line for each operation that fails now:
 *
 *     <operation> <errno> <lands>
 *
 * where the operation is
 *     page       a write of whole pages
 *     meta       a write that must be safe when it returns: of the page that says what is committed
 *     undo       a short write that need not be
 *     fdatasync
 *     fsync
 * and <lands> is 1 when what is written arrives, though the error is reported.
 * Only files called data.mdb are on that disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PAGE 4096

static int is_data_file(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    return name && strcmp(name, "/data.mdb") == 0;
}

/* The errno of a fault that is there now, or 0. */
static int fault(int fd, const char *operation, int *lands)
{
    char named[16];
    int code, found = 0;
    const char *path = getenv("FAILING_DISK");
    if (!path || !is_data_file(fd))
        return 0;
    FILE *faults = fopen(path, "r");
    if (!faults)
        return 0;
    while (!found && fscanf(faults, "%15s %d %d", named, &code, lands) == 3)
        if (strcmp(named, operation) == 0)
            found = code;
    fclose(faults);
    return found;
}

static const char *kind(int fd, size_t size)
{
    if (size >= PAGE)
        return "page";
    return fcntl(fd, F_GETFL) & O_DSYNC ? "meta" : "undo";
}

static size_t total(const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

#define FAILING(operation, call)                 \
    do {                                         \
        int lands = 0;                           \
        int code = fault(fd, operation, &lands); \
        if (!code || lands) {                    \
            ssize_t done = call;                 \
            if (!code)                           \
                return done;                     \
        }                                        \
        errno = code;                            \
        return -1;                               \
    } while (0)

int fsync(int fd) { FAILING("fsync", REAL(fsync)(fd)); }
int fdatasync(int fd) { FAILING("fdatasync", REAL(fdatasync)(fd)); }

ssize_t write(int fd, const void *data, size_t size) { FAILING(kind(fd, size), REAL(write)(fd, data, size)); }

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    FAILING(kind(fd, size), REAL(pwrite)(fd, data, size, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    FAILING(kind(fd, size), REAL(pwrite64)(fd, data, size, at));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    FAILING(kind(fd, total(parts, count)), REAL(writev)(fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    FAILING(kind(fd, total(parts, count)), REAL(pwritev)(fd, parts, count, at));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    FAILING(kind(fd, total(parts, count)), REAL(pwritev64)(fd, parts, count, at));
}
