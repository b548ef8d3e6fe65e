/* Runs a program in which some system calls on one path do not return, as when a mount hangs, until a
 * file is there: hang CALLS PATH FROM RELEASE PROGRAM ARGUMENTS...
 *
 * CALLS are names, with commas between them; the FROM-th call on PATH is the first that hangs, and a PATH
 * that ends in a star is any that begins like it. The kernel hands each of these calls to a process beside the program (seccomp_unotify(2)), which answers
 * or does not. The program itself keeps its process id, and dies of SIGKILL as if nothing hung. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct call {
    const char *name;
    int number;
    /* Whether its second argument is a path below the folder that is the first. */
    int has_path;
};

static const struct call known[] = {
    {"openat", SYS_openat, 1},         {"openat2", SYS_openat2, 1},
    {"newfstatat", SYS_newfstatat, 1}, {"statx", SYS_statx, 1},
    {"renameat", SYS_renameat, 1},     {"renameat2", SYS_renameat2, 1},
    {"getdents64", SYS_getdents64, 0}, {"read", SYS_read, 0},
    {"pread64", SYS_pread64, 0},
};

#define KNOWN (sizeof known / sizeof *known)
#define MOST_HELD 1024

static void fail(const char *doing) {
    perror(doing);
    exit(70);
}

static int is_named(const char *calls, const char *name) {
    size_t length = strlen(name);
    for (const char *at = calls; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0))
            return 1;
    return 0;
}

/* Has the kernel ask about these calls from now on; gives what it asks through. */
static int listen_to(const char *calls) {
    struct sock_filter filter[2 * KNOWN + 2];
    unsigned short length = 0;
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                    offsetof(struct seccomp_data, nr));
    for (size_t index = 0; index < KNOWN; index++) {
        if (!is_named(calls, known[index].name))
            continue;
        filter[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, known[index].number, 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        fail("no new privileges");
    int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                           SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0)
        fail("seccomp");
    return listener;
}

static void send_fd(int socket, int fd) {
    char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(socket, &message, 0) < 0)
        fail("sendmsg");
}

static int receive_fd(int socket) {
    int fd = -1;
    char byte, control[CMSG_SPACE(sizeof fd)];
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
        exit(0);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

/* Where a call leads, as far as its names tell. */
static void path_of(const struct seccomp_notif *asked, char *path, size_t room) {
    char link[64], below[4096] = "", folder[4096] = "";
    int fd = (int)asked->data.args[0];
    for (size_t index = 0; index < KNOWN; index++) {
        if (known[index].number != asked->data.nr || !known[index].has_path)
            continue;
        struct iovec here = {below, sizeof below - 1};
        struct iovec there = {(void *)asked->data.args[1], sizeof below - 1};
        /* Page by page, as what follows the name may not be there. */
        size_t page = 4096 - asked->data.args[1] % 4096;
        here.iov_len = there.iov_len = page < sizeof below ? page : sizeof below - 1;
        /* One that can't be read is none: the call is about the folder itself. */
        if (process_vm_readv(asked->pid, &here, 1, &there, 1, 0) < 0)
            below[0] = 0;
    }
    if (fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/%d/cwd", asked->pid);
    else
        snprintf(link, sizeof link, "/proc/%d/fd/%d", asked->pid, fd);
    if (readlink(link, folder, sizeof folder - 1) < 0)
        folder[0] = 0;
    if (below[0] == '/')
        snprintf(path, room, "%s", below);
    else
        snprintf(path, room, "%s%s%s", folder, below[0] ? "/" : "", below);
}

static int is_meant(const char *path, const char *leads_to) {
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '*')
        return strncmp(path, leads_to, length - 1) == 0;
    return strcmp(path, leads_to) == 0;
}

static void answer(int listener, __u64 id) {
    struct seccomp_notif_resp go_on = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    /* One that is gone meanwhile needs no answer. */
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &go_on);
}

static void supervise(int listener, const char *path, long from, const char *release) {
    __u64 held[MOST_HELD];
    int count = 0, is_released = 0;
    long met = 0;
    for (;;) {
        struct pollfd readable = {listener, POLLIN, 0};
        poll(&readable, 1, 10);
        if (!is_released && access(release, F_OK) == 0) {
            is_released = 1;
            while (count > 0)
                answer(listener, held[--count]);
        }
        if (readable.revents & POLLIN) {
            struct seccomp_notif asked = {0};
            char leads_to[8192];
            if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
                continue;
            path_of(&asked, leads_to, sizeof leads_to);
            int hangs = !is_released && is_meant(path, leads_to) && ++met >= from;
            if (hangs && count < MOST_HELD)
                held[count++] = asked.id;
            else
                answer(listener, asked.id);
        } else if (readable.revents & POLLHUP) {
            exit(0);
        }
    }
}

int main(int argc, char **argv) {
    int ends[2];
    if (argc < 6)
        return 64;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        fail("socketpair");
    /* The process beside it is its child, and would not be let read its memory everywhere. */
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    pid_t beside = fork();
    if (beside < 0)
        fail("fork");
    if (beside == 0) {
        close(ends[0]);
        int listener = receive_fd(ends[1]);
        close(0);
        close(1);
        supervise(listener, argv[2], atol(argv[3]), argv[4]);
    }
    close(ends[1]);
    int listener = listen_to(argv[1]);
    send_fd(ends[0], listener);
    close(listener);
    execv(argv[5], argv + 5);
    fail("exec");
}
