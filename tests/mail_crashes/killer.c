/* Loaded before libc, it kills the program in place of the KILL_AT-th of those of its calls that
 * KILL_CALLS names. All threads are counted together, in the order in which they get here; strace
 * counts each apart. */

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long left;
static const char *calls = "";

__attribute__((constructor)) static void read_environment(void) {
    const char *at = getenv("KILL_AT");
    const char *named = getenv("KILL_CALLS");
    left = at ? atol(at) : 0;
    calls = named ? named : "";
}

static void step(const char *call) {
    if (strstr(calls, call) && atomic_fetch_sub(&left, 1) == 1) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    step("connect");
    return syscall(SYS_connect, socket, address, length);
}

ssize_t send(int socket, const void *bytes, size_t length, int flags) {
    step("send");
    return syscall(SYS_sendto, socket, bytes, length, flags, NULL, 0);
}

ssize_t writev(int socket, const struct iovec *pieces, int count) {
    step("send");
    return syscall(SYS_writev, socket, pieces, count);
}

ssize_t recv(int socket, void *bytes, size_t length, int flags) {
    step("recv");
    return syscall(SYS_recvfrom, socket, bytes, length, flags, NULL, NULL);
}

int fsync(int file) {
    step("fsync");
    return syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    step("fsync");
    return syscall(SYS_fdatasync, file);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    step("pwrite");
    return syscall(SYS_pwrite64, file, bytes, length, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) {
    step("pwrite");
    return syscall(SYS_pwrite64, file, bytes, length, offset);
}
