/* Makes the system calls of one program fail on order: LD_PRELOAD=librbit_preload.so with
 * RBIT_FAULT_STATE=FILE. The file is one `struct order`, mapped by this library and by the test
 * that gives the orders (tests/faults/preload.py), so that a running program can be given many, one
 * after the other, and calls are counted across rbit and its leaders. Tests only; never installed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Little endian, as python's struct "<IIqiIqqq256s" has it. */
struct order {
  uint32_t armed;   /* 0: nothing is counted and nothing fails */
  uint32_t calls;   /* which calls: bits of enum call */
  int64_t nth;      /* the first that fails, from 1 */
  int32_t error;    /* errno; of a network file system: whatever, see statfs */
  uint32_t lasting; /* and all after it */
  int64_t counted;  /* calls that were meant, so far */
  int64_t failed;
  int64_t leaders; /* whether leaders obey, too */
  char path[256];  /* a part of the path of the file in question, its end if '$' follows; empty: any
                    */
};

enum call {
  call_write = 1, /* write, pwrite */
  call_sync = 2,  /* fsync, fdatasync */
  call_open = 4,  /* open, openat that make or write a file */
  call_rename = 8,
  call_mkdir = 16,
  call_truncate = 32,
  call_fork = 64,    /* fork, vfork, posix_spawn */
  call_pipe = 128,   /* pipe, pipe2, socketpair */
  call_malloc = 256, /* malloc, calloc, realloc, aligned_alloc, posix_memalign */
  call_statfs = 512, /* does not fail: says NFS */
  call_memfd = 1024,
  call_epoll = 2048, /* epoll_ctl, epoll_create1, eventfd, timerfd_create */
  call_read = 4096,  /* pread */
};

static struct order nothing;
static struct order* order = &nothing;
static int is_leader;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("RBIT_FAULT_STATE");
  if (path == NULL) return;
  is_leader = strcmp(program_invocation_short_name, "rbit-leader") == 0;
  const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (mapped != MAP_FAILED) order = mapped;
}

static int fails(void) {
  const int64_t number = __atomic_add_fetch(&order->counted, 1, __ATOMIC_SEQ_CST);
  if (number != order->nth && !(order->lasting && number > order->nth)) return 0;
  __atomic_add_fetch(&order->failed, 1, __ATOMIC_SEQ_CST);
  errno = order->error;
  return 1;
}

static int wanted(enum call call) {
  return order->armed && (order->calls & call) && (order->leaders || !is_leader);
}

static int fails_here(enum call call) {
  return wanted(call) && fails();
}

static int is_meant(const char* path) {
  const size_t length = strlen(order->path), size = strlen(path);
  if (length == 0 || order->path[length - 1] != '$') return strstr(path, order->path) != NULL;
  return size >= length - 1 && memcmp(path + size - (length - 1), order->path, length - 1) == 0;
}

static int fails_at(enum call call, const char* path) {
  return wanted(call) && is_meant(path) && fails();
}

static int fails_for(enum call call, int fd) {
  if (!wanted(call)) return 0;
  if (order->path[0] != 0) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!is_meant(path)) return 0;
  }
  return fails();
}

ssize_t write(int fd, const void* bytes, size_t count) {
  if (fails_for(call_write, fd)) return -1;
  return syscall(SYS_write, fd, bytes, count);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  if (fails_for(call_write, fd)) return -1;
  return syscall(SYS_pwrite64, fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  return pwrite64(fd, bytes, count, at);
}

ssize_t pread64(int fd, void* bytes, size_t count, off64_t at) {
  if (fails_for(call_read, fd)) return -1;
  return syscall(SYS_pread64, fd, bytes, count, at);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t at) {
  return pread64(fd, bytes, count, at);
}

int fsync(int fd) {
  return fails_for(call_sync, fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  return fails_for(call_sync, fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t size) {
  return fails_for(call_truncate, fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) {
  return ftruncate64(fd, size);
}

static int opens(int dir, const char* path, int flags, mode_t mode) {
  if (flags & (O_CREAT | O_WRONLY | O_RDWR)) {
    if (dir == AT_FDCWD || path[0] == '/') {
      if (fails_at(call_open, path)) return -1;
    } else if (fails_for(call_open, dir)) {
      return -1;
    }
  }
  return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE_OF(flags)                         \
  mode_t mode = 0;                             \
  if ((flags) & (O_CREAT | O_TMPFILE)) {       \
    va_list more;                              \
    va_start(more, flags);                     \
    mode = (mode_t)va_arg(more, unsigned int); \
    va_end(more);                              \
  }

int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  return opens(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  MODE_OF(flags)
  return opens(AT_FDCWD, path, flags, mode);
}
int openat(int dir, const char* path, int flags, ...) {
  MODE_OF(flags)
  return opens(dir, path, flags, mode);
}
int openat64(int dir, const char* path, int flags, ...) {
  MODE_OF(flags)
  return opens(dir, path, flags, mode);
}
/* What _FORTIFY_SOURCE makes of calls without a mode. */
int __open_2(const char* path, int flags) {
  return opens(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char* path, int flags) {
  return opens(AT_FDCWD, path, flags, 0);
}
int __openat_2(int dir, const char* path, int flags) {
  return opens(dir, path, flags, 0);
}
int __openat64_2(int dir, const char* path, int flags) {
  return opens(dir, path, flags, 0);
}

int rename(const char* from, const char* to) {
  if (fails_at(call_rename, to)) return -1;
  return (int)syscall(SYS_rename, from, to);
}

int mkdir(const char* path, mode_t mode) {
  if (fails_at(call_mkdir, path)) return -1;
  return (int)syscall(SYS_mkdir, path, mode);
}

int mkdirat(int dir, const char* path, mode_t mode) {
  const int is_whole = dir == AT_FDCWD || path[0] == '/';
  if (is_whole ? fails_at(call_mkdir, path) : fails_for(call_mkdir, dir)) return -1;
  return (int)syscall(SYS_mkdirat, dir, path, mode);
}

int pipe2(int fds[2], int flags) {
  return fails_here(call_pipe) ? -1 : (int)syscall(SYS_pipe2, fds, flags);
}

int pipe(int fds[2]) {
  return pipe2(fds, 0);
}

int socketpair(int domain, int type, int protocol, int fds[2]) {
  return fails_here(call_pipe) ? -1 : (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

int memfd_create(const char* name, unsigned int flags) {
  return fails_here(call_memfd) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

struct epoll_event;
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event* event) {
  return fails_here(call_epoll) ? -1 : (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

int epoll_create1(int flags) {
  return fails_here(call_epoll) ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

int eventfd(unsigned int value, int flags) {
  return fails_here(call_epoll) ? -1 : (int)syscall(SYS_eventfd2, value, flags);
}

int timerfd_create(int clock, int flags) {
  return fails_here(call_epoll) ? -1 : (int)syscall(SYS_timerfd_create, clock, flags);
}

int statfs(const char* path, struct statfs* out) {
  const int done = (int)syscall(SYS_statfs, path, out);
  if (done == 0 && wanted(call_statfs)) out->f_type = 0x6969; /* NFS_SUPER_MAGIC */
  return done;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

pid_t fork(void) {
  return fails_here(call_fork) ? -1 : NEXT(fork)();
}

/* A leader gets no environment from rbit, so the order would not reach it. */
int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* files,
                const posix_spawnattr_t* attributes, char* const argv[],
                char* const environment[]) {
  if (fails_here(call_fork)) return errno;
  char preload[4096], state[4096];
  const char* library = getenv("LD_PRELOAD");
  const char* file = getenv("RBIT_FAULT_STATE");
  char* both[3] = {preload, state, NULL};
  if (environment[0] == NULL && library != NULL && file != NULL) {
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", library);
    snprintf(state, sizeof state, "RBIT_FAULT_STATE=%s", file);
    environment = both;
  }
  return NEXT(posix_spawn)(pid, path, files, attributes, argv, environment);
}

/* ---- memory: what glibc calls its own */

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  return fails_here(call_malloc) ? NULL : __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  return fails_here(call_malloc) ? NULL : __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  return fails_here(call_malloc) ? NULL : __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  return fails_here(call_malloc) ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  if (fails_here(call_malloc)) return ENOMEM;
  *out = __libc_memalign(alignment, size);
  return *out == NULL ? ENOMEM : 0;
}
