// SPDX-License-Identifier: MIT
/* Harness of the programs in the guest: guest.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "guest.h"

#define FILES_MAX 16

struct guest_board guest_boards[GUEST_BOARDS];
static jmp_buf guest_out;
static char guest_why[512];
static bool guest_skipped;
static int guest_files[FILES_MAX];
static unsigned int guest_file_count;

void guest_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;
	int n = snprintf(guest_why, sizeof(guest_why), "%s:%d: ", base ? base + 1 : file, line);

	va_start(ap, fmt);
	vsnprintf(guest_why + n, sizeof(guest_why) - (size_t)n, fmt, ap);
	va_end(ap);
	longjmp(guest_out, 1);
}

void guest_skip(const char *why)
{
	snprintf(guest_why, sizeof(guest_why), "%s", why);
	guest_skipped = true;
	longjmp(guest_out, 2);
}

static void run(guest_fn fn)
{
	guest_why[0] = 0;
	guest_skipped = false;
	guest_file_count = 0;
	if (!setjmp(guest_out))
		fn();
	while (guest_file_count)
		close(guest_files[--guest_file_count]);
	guest_bystander_stop();
}

bool guest_run_child(const char *name, guest_fn fn)
{
	run(fn);
	if (guest_why[0])
		printf("# %s: %s\n", name, guest_why);
	fflush(stdout);
	return !guest_why[0];
}

void guest_run(const char *name, guest_fn fn)
{
	run(fn);
	if (guest_skipped)
		printf("skip %s: %s\n", name, guest_why);
	else if (guest_why[0])
		printf("not ok %s: %s\n", name, guest_why);
	else
		printf("ok %s\n", name);
	fflush(stdout);
}

/* ---- boards ---- */

int guest_attr_read(const struct guest_board *b, const char *attr, char *buf, size_t bytes)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", b->path, attr);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, bytes - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = 0;
	close(fd);
	return n < 0 ? (int)n : 0;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

int guest_attr_write(const struct guest_board *b, const char *attr, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", b->path, attr);
	return write_text(path, text);
}

int guest_bind(const struct guest_board *b, bool on)
{
	return write_text(on ? "/sys/bus/pci/drivers/akida/bind" : "/sys/bus/pci/drivers/akida/unbind", b->pci);
}

/* The node of a board is the name of its class or misc device below the PCI device. */
static void find_node(struct guest_board *b)
{
	static const char *const folders[] = {"akida", "misc"};

	b->node[0] = 0;
	for (unsigned int i = 0; i < 2 && !b->node[0]; i++) {
		char path[256];
		struct dirent *e;
		DIR *d;

		snprintf(path, sizeof(path), "%s/%s", b->path, folders[i]);
		d = opendir(path);
		while (d && (e = readdir(d)))
			if (!strncmp(e->d_name, "akida", 5))
				snprintf(b->node, sizeof(b->node), "/dev/%.20s", e->d_name);
		if (d)
			closedir(d);
	}
}

unsigned int guest_find_boards(void)
{
	struct dirent **list;
	unsigned int found = 0;
	int n = scandir("/sys/bus/pci/devices", &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		struct guest_board b = {0};
		char text[32];

		snprintf(b.pci, sizeof(b.pci), "%.31s", list[i]->d_name);
		snprintf(b.path, sizeof(b.path), "/sys/bus/pci/devices/%.31s", list[i]->d_name);
		if (found < GUEST_BOARDS && !guest_attr_read(&b, "vendor", text, sizeof(text)) &&
		    strtoul(text, NULL, 0) == 0x1e7c && !guest_attr_read(&b, "device", text, sizeof(text))) {
			b.device = (uint16_t)strtoul(text, NULL, 0);
			find_node(&b);
			guest_boards[found++] = b;
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return found;
}

static int wait_for_boards(int tenths)
{
	while (tenths--) {
		if (guest_find_boards() == 2 && guest_boards[0].node[0] && guest_boards[1].node[0])
			return 0;
		usleep(100000);
	}
	return -ENODEV;
}

int guest_rescan(void)
{
	int err = write_text("/sys/bus/pci/rescan", "1");

	return err ? err : wait_for_boards(100); /* probing is asynchronous */
}

int guest_wait_for_boards(void)
{
	return wait_for_boards(600);
}

int guest_reload(const char *more)
{
	const char *boot = getenv("AKIDA_PARAMETERS");
	char parameters[256];
	int fd, err;

	snprintf(parameters, sizeof(parameters), "%s %s", boot ? boot : "", more);
	if (syscall(SYS_delete_module, "akida", 0) && errno != ENOENT)
		return -errno;
	fd = open("/mod/akida.ko", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return err ? err : guest_rescan();
}

static int config_file(const struct guest_board *b, int flags)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/config", b->path);
	return open(path, flags);
}

uint32_t guest_config(const struct guest_board *b, unsigned int off)
{
	uint32_t val = 0;
	int fd = config_file(b, O_RDONLY);
	bool ok = fd >= 0 && pread(fd, &val, 4, off) == 4;

	if (fd >= 0)
		close(fd);
	if (!ok)
		guest_fail(__FILE__, __LINE__, "configuration space of %s cannot be read at 0x%x", b->pci, off);
	return val;
}

void guest_config_set(const struct guest_board *b, unsigned int off, uint32_t val)
{
	int fd = config_file(b, O_RDWR);
	bool ok = fd >= 0 && pwrite(fd, &val, 4, off) == 4;

	if (fd >= 0)
		close(fd);
	if (!ok)
		guest_fail(__FILE__, __LINE__, "configuration space of %s cannot be written at 0x%x", b->pci, off);
}

/* ---- ioctls ---- */

int64_t guest_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int guest_ioctl(int fd, unsigned long request, void *arg)
{
	int r;

	do
		r = ioctl(fd, request, arg);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int guest_open(unsigned int board)
{
	int fd = open(guest_boards[board].node, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		guest_fail(__FILE__, __LINE__, "%s cannot be opened: %s", guest_boards[board].node, strerror(errno));
	if (guest_file_count == FILES_MAX)
		guest_fail(__FILE__, __LINE__, "too many files in one test");
	guest_files[guest_file_count++] = fd;
	return fd;
}

void guest_close(int fd)
{
	for (unsigned int i = 0; i < guest_file_count; i++) {
		if (guest_files[i] == fd) {
			guest_files[i] = guest_files[--guest_file_count];
			close(fd);
			return;
		}
	}
}

#define PAGE 4096u
#define ROOM 8u /* what a newer caller's struct has more */

/* Two pages, the second one not accessible; the end of the first. */
static uint8_t *page_end(void)
{
	uint8_t *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + PAGE, PAGE, PROT_NONE))
		guest_fail(__FILE__, __LINE__, "no memory");
	return p + PAGE;
}

static int call_with_word(int fd, unsigned long request, const void *arg, size_t bytes, size_t off, uint32_t val)
{
	uint8_t copy[512];

	memcpy(copy, arg, bytes);
	memcpy(copy + off, &val, 4);
	return guest_ioctl(fd, request, copy);
}

void guest_struct_rules(int fd, unsigned long request, const void *arg, size_t bytes, size_t first, int base,
			const size_t *reserved, size_t count)
{
	uint8_t *end = page_end(), longer[512];
	uint32_t size = (uint32_t)bytes, more = (uint32_t)(bytes + ROOM), got;

	/* sizes */
	EQ(call_with_word(fd, request, arg, bytes, 0, 0), -EINVAL);
	EQ(call_with_word(fd, request, arg, bytes, 0, (uint32_t)first - 1), -EINVAL);
	CHECK(call_with_word(fd, request, arg, bytes, 0, 0xffffffffu) < 0);
	EQ(call_with_word(fd, request, arg, bytes, 0, (uint32_t)first), base);

	/* a newer caller: fine while what this kernel does not know is zero; the caller learns what it knows */
	memset(longer, 0, sizeof(longer));
	memcpy(longer, arg, bytes);
	memcpy(longer, &more, 4);
	longer[bytes + ROOM] = 0xa5;
	EQ(guest_ioctl(fd, request, longer), base);
	memcpy(&got, longer, 4);
	EQ(got, size);
	EQ(longer[bytes + ROOM], 0xa5);
	for (size_t i = bytes; i < bytes + ROOM; i++)
		EQ(longer[i], 0);
	memcpy(longer, arg, bytes);
	memcpy(longer, &more, 4);
	longer[bytes + ROOM - 1] = 1;
	EQ(guest_ioctl(fd, request, longer), -E2BIG);

	/* flags and reserved fields */
	EQ(call_with_word(fd, request, arg, bytes, 4, 0x80000000u), -EINVAL);
	for (size_t i = 0; i < count; i++)
		EQ(call_with_word(fd, request, arg, bytes, reserved[i], 0x100u), -EINVAL);

	/* pointers */
	EQ(guest_ioctl(fd, request, NULL), -EFAULT);
	memcpy(end - bytes, arg, bytes);
	EQ(guest_ioctl(fd, request, end - bytes), base);
	memcpy(end - bytes + 4, arg, bytes - 4);
	EQ(guest_ioctl(fd, request, end - bytes + 4), -EFAULT);
	memcpy(end - bytes, arg, bytes);
	mprotect(end - PAGE, PAGE, PROT_READ);
	EQ(guest_ioctl(fd, request, end - bytes), base ? base : -EFAULT);
	munmap(end - PAGE, 2 * PAGE);

	/* other commands: direction, size or number that are not ours */
	EQ(guest_ioctl(fd, request ^ 1ul << 30, (void *)arg), -ENOTTY);
	EQ(guest_ioctl(fd, request | 8ul << 16, (void *)arg), -ENOTTY);
}

void guest_buffer(int fd, uint64_t bytes, struct guest_buffer *b)
{
	struct akida_buffer_create c = {.size = sizeof(c), .bytes = bytes};

	EQ(guest_ioctl(fd, AKIDA_IOC_BUFFER_CREATE, &c), 0);
	b->handle = c.handle;
	b->bytes = c.bytes;
	b->cpu = mmap(NULL, (size_t)c.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)c.mmap_offset);
	if (b->cpu == MAP_FAILED)
		guest_fail(__FILE__, __LINE__, "a buffer of %llu bytes cannot be mapped: %s", (unsigned long long)bytes,
			   strerror(errno));
}

/* ---- programs ---- */

static void *take(FILE *f, size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);

	if (!p || (bytes && fread(p, bytes, 1, f) != 1))
		guest_fail(__FILE__, __LINE__, "a case file is too short");
	return p;
}

struct guest_case *guest_case(const char *name)
{
	static char why[256];
	struct guest_case *c = calloc(1, sizeof(*c));
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/data/%.64s.case", name);
	f = fopen(path, "rb");
	if (!f) {
		snprintf(why, sizeof(why), "%s is not in this initramfs (../shared was not there)", path);
		guest_skip(why);
	}
	if (!c || fread(&c->head, sizeof(c->head), 1, f) != 1 || c->head.magic != GUEST_CASE_MAGIC)
		guest_fail(__FILE__, __LINE__, "%s is no case file", path);
	c->in_bytes = c->head.in_dims[0] * c->head.in_dims[1] * c->head.in_dims[2];
	c->outputs = c->head.out_dims[0] * c->head.out_dims[1] * c->head.out_dims[2];
	c->tracks = take(f, c->head.track_count * sizeof(*c->tracks));
	c->passes = take(f, c->head.pass_count * sizeof(*c->passes));
	c->epg = take(f, c->head.epg_count * sizeof(*c->epg));
	c->image = take(f, c->head.image_bytes);
	c->in = take(f, (size_t)c->head.frames * c->in_bytes);
	c->out = take(f, (size_t)c->head.frames * c->outputs * 4);
	fclose(f);
	return c;
}

struct guest_case *guest_ours(const char *name, unsigned int board)
{
	char file[64];

	snprintf(file, sizeof(file), "%.32s-%s", name, guest_boards[board].device == 0xa500 ? "akd1500" : "akd1000");
	return guest_case(file);
}

struct guest_case *guest_small(unsigned int board)
{
	return guest_ours("small", board);
}

struct akida_program_create guest_program_args(const struct guest_case *c)
{
	struct akida_program_create a = {.size = sizeof(a)};

	a.image_ptr = (uintptr_t)c->image;
	a.tracks_ptr = (uintptr_t)c->tracks;
	a.epg_ptr = (uintptr_t)c->epg;
	a.image_bytes = c->head.image_bytes;
	a.track_count = c->head.track_count;
	a.epg_count = c->head.epg_count;
	if (c->head.pass_count) {
		a.passes_ptr = (uintptr_t)c->passes;
		a.pass_count = c->head.pass_count;
	}
	memcpy(a.version, c->head.version, sizeof(a.version));
	memcpy(a.in_dims, c->head.in_dims, sizeof(a.in_dims));
	memcpy(a.out_dims, c->head.out_dims, sizeof(a.out_dims));
	a.window_w = c->head.window_w;
	a.window_h = c->head.window_h;
	a.input_type = c->head.input_type;
	a.output_type = c->head.output_type;
	a.activation = c->head.activation;
	return a;
}

uint32_t guest_program(int fd, const struct guest_case *c)
{
	struct akida_program_create a = guest_program_args(c);

	EQ(guest_ioctl(fd, AKIDA_IOC_PROGRAM_CREATE, &a), 0);
	CHECK(a.handle);
	return a.handle;
}

uint32_t guest_context(int fd, uint32_t program, uint32_t batch)
{
	struct akida_context_create a = {.size = sizeof(a), .program = program, .batch = batch, .eventfd = -1};

	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), 0);
	CHECK(a.handle);
	return a.handle;
}

void guest_job(struct guest_job *j, int fd, const struct guest_case *c, uint32_t batch)
{
	*j = (struct guest_job){.fd = fd, .c = c};
	j->program = guest_program(fd, c);
	j->context = guest_context(fd, j->program, batch);
	guest_buffer(fd, (uint64_t)c->head.frames * c->in_bytes, &j->in);
	guest_buffer(fd, (uint64_t)c->head.frames * c->outputs * 4, &j->out);
	memcpy(j->in.cpu, c->in, (size_t)c->head.frames * c->in_bytes);
}

struct akida_submit guest_submit_args(const struct guest_job *j, uint32_t frames)
{
	return (struct akida_submit){.size = sizeof(struct akida_submit),
				     .context = j->context,
				     .count = frames,
				     .in_handle = j->in.handle,
				     .out_handle = j->out.handle,
				     .in_stride = j->c->in_bytes,
				     .out_stride = 4ull * j->c->outputs};
}

uint64_t guest_submit(struct guest_job *j, uint32_t frames)
{
	struct akida_submit s = guest_submit_args(j, frames);

	EQ(guest_ioctl(j->fd, AKIDA_IOC_SUBMIT, &s), 0);
	CHECK(s.seq);
	return s.seq;
}

int guest_wait(const struct guest_job *j, uint64_t seq, int64_t ns, struct akida_wait *w)
{
	struct akida_wait a = {.size = sizeof(a), .context = j->context, .seq = seq, .timeout_ns = guest_now_ns() + ns};
	int err = guest_ioctl(j->fd, AKIDA_IOC_WAIT, &a);

	if (w)
		*w = a;
	return err;
}

void guest_run_and_compare(struct guest_job *j, uint32_t frames)
{
	struct akida_wait w;
	uint64_t seq;

	memset(j->out.cpu, 0x5a, (size_t)j->out.bytes);
	seq = guest_submit(j, frames);
	EQ(guest_wait(j, seq, GUEST_LONG_NS, &w), 0);
	EQ(w.status, 0);
	EQ(w.frames_done, frames);
	guest_compare(j, frames);
}

void guest_compare(const struct guest_job *j, uint32_t frames)
{
	const int32_t *got = j->out.cpu;

	for (uint32_t i = 0; i < frames * j->c->outputs; i++)
		if (got[i] != j->c->out[i])
			guest_fail(__FILE__, __LINE__, "frame %u, output %u is %d; virtual: gave %d", i / j->c->outputs,
				   i % j->c->outputs, got[i], j->c->out[i]);
}
