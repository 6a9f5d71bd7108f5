/* SPDX-License-Identifier: MIT */
/* The confined child process; see confine.h for what it promises and design 3 for why. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "confine.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define NATIVE_ARCH AUDIT_ARCH_I386
#elif defined(__arm__)
#define NATIVE_ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#endif

#define POLL_NS 300000L
#define OLD_KERNEL_FDS 4096

static void limit(int resource, rlim_t value)
{
	struct rlimit old, now = {value, value};

	if (!getrlimit(resource, &old) && old.rlim_max != RLIM_INFINITY && old.rlim_max < value)
		return; /* already tighter */
	(void)setrlimit(resource, &now);
}

#ifdef NATIVE_ARCH
/* System calls a memory-only computation needs. Everything else answers EPERM, so that probing libraries carry on. */
static const uint32_t allowed_calls[] = {
	__NR_read,	   __NR_write,	__NR_pwrite64,	     __NR_close,
#ifdef __NR_lseek
	__NR_lseek,
#endif
#ifdef __NR__llseek
	__NR__llseek,
#endif
#ifdef __NR_mmap
	__NR_mmap,
#endif
#ifdef __NR_mmap2
	__NR_mmap2,
#endif
	__NR_munmap,	   __NR_mremap, __NR_madvise,	     __NR_brk,		__NR_futex,	  __NR_clock_gettime,
	__NR_gettimeofday, __NR_getpid, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_sched_yield, __NR_exit,
	__NR_exit_group,
};
#define CALLS (sizeof(allowed_calls) / sizeof(allowed_calls[0]))

/* Where seccomp is not built into the kernel the other limits still hold. */
static void filter_system_calls(void)
{
	struct sock_filter code[CALLS + 6];
	struct sock_fprog program = {.filter = code};
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALLS; i++) /* jump to the last instruction */
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed_calls[i],
							 (unsigned char)(CALLS - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = n;
	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#else
static void filter_system_calls(void)
{
}
#endif

static size_t address_space_bytes(void)
{
	char text[128];
	ssize_t n;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	return (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Sanitizers keep standard error, to be heard. */
static void close_others(int fd)
{
	int first = SANITIZED ? 3 : 0;

	if ((fd <= first || !syscall(SYS_close_range, (unsigned int)first, (unsigned int)fd - 1, 0u)) &&
	    !syscall(SYS_close_range, (unsigned int)fd + 1, ~0u, 0u))
		return;
	for (int i = first; i < OLD_KERNEL_FDS; i++) /* before Linux 5.9 */
		if (i != fd)
			close(i);
}

/* The child's life. No return: it never runs the caller's exit handlers. */
static void __attribute__((noreturn)) child(const struct ak_confine *c, int fd, size_t space)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < 32; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)signal(s, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	close_others(fd);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, AK_CONFINE_CPU_S);
	limit(RLIMIT_FSIZE, c->max_result);
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_NOFILE, (rlim_t)fd + 1);
	if (!SANITIZED && space)
		limit(RLIMIT_AS, space + c->max_memory);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(1);
	if (!SANITIZED)
		filter_system_calls();
	_exit(c->work(c->ctx, fd) ? 1 : 0);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/*
 * 0 when the child ended by itself with status 0. A program that ignores SIGCHLD, or reaps children that are not its own,
 * takes the status away: then the result must speak for itself, which the caller checks anyway.
 */
static int wait_for(pid_t pid, uint32_t wall_ms)
{
	const struct timespec pause = {0, POLL_NS};
	uint64_t end = now_ms() + (wall_ms ? wall_ms : AK_CONFINE_WALL_MS);
	int status;

	for (;;) {
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EILSEQ;
		if (r < 0 && errno != EINTR)
			return 0;
		if (now_ms() >= end)
			break;
		nanosleep(&pause, NULL);
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return -EILSEQ;
}

static int read_result(int fd, size_t max, void **result, size_t *len)
{
	struct stat st;
	size_t done = 0;
	char *bytes;

	if (fstat(fd, &st) || st.st_size <= 0 || (uint64_t)st.st_size > max)
		return -EILSEQ;
	bytes = malloc((size_t)st.st_size);
	if (!bytes)
		return -ENOMEM;
	while (done < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + done, (size_t)st.st_size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(bytes);
			return -EILSEQ;
		}
		done += (size_t)n;
	}
	*result = bytes;
	*len = done;
	return 0;
}

int ak_confine_run(const struct ak_confine *c, void **result, size_t *len)
{
	size_t space = address_space_bytes();
	int fd, err;
	pid_t pid;

	fd = memfd_create("akida-import", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		err = -errno;
		goto close_fd;
	}
	if (pid == 0)
		child(c, fd, space);
	err = wait_for(pid, c->wall_ms);
	if (!err)
		err = read_result(fd, c->max_result, result, len);
close_fd:
	close(fd);
	return err;
}
