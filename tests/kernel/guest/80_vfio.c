// SPDX-License-Identifier: MIT
/*
 * libakida's vfio: back end: both boards handed from akida.ko to vfio-pci, our program run by the protocol core in this
 * process behind the machine's IOMMU, and back. Needs an IOMMU and the distribution's VFIO modules (mkinitramfs.sh).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <akida/akida.h>
#include "guest.h"

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void load_vfio(void)
{
	static const char *const modules[] = {"irqbypass",	  "vfio",	   "vfio_virqfd",
					      "vfio_iommu_type1", "vfio-pci-core", "vfio-pci"};
	char link[128];

	snprintf(link, sizeof(link), "%s/iommu_group", guest_boards[0].path);
	if (access(link, F_OK))
		guest_skip("no IOMMU in this boot");
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/mod/vfio/%s.ko", modules[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
			guest_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
		close(fd);
	}
	if (access("/sys/bus/pci/drivers/vfio-pci", F_OK))
		guest_skip("no vfio-pci for this kernel");
}

/* From one driver to another. */
static void hand_over(unsigned int board, const char *from, const char *to)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/unbind", from);
	EQ(put(path, guest_boards[board].pci), 0);
	EQ(guest_attr_write(&guest_boards[board], "driver_override", to), 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", to);
	EQ(put(path, guest_boards[board].pci), 0);
}

static struct akida_device *open_board(unsigned int board, int expected)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_device *d = NULL;
	char name[48];
	int err;

	snprintf(name, sizeof(name), "vfio:%s", guest_boards[board].pci);
	err = akida_device_open(name, &d, diag);
	if (err != expected)
		guest_fail(__FILE__, __LINE__, "%s: %d, not %d: %s", name, err, expected,
			   akida_diag_first_error(diag) ? akida_diag_first_error(diag)->text : "");
	akida_diag_destroy(diag);
	return d;
}

/* All frames of the case, several in flight, against what virtual: gave on the host. */
static void run_program(struct akida_device *d, unsigned int board)
{
	struct akida_session_params sp = {.size = sizeof(sp), .batch = 4, .provisional = true};
	const struct guest_case *c = guest_small(board);
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p = NULL;
	struct akida_session *s = NULL;
	int32_t *out = calloc(c->head.frames * c->outputs, sizeof(*out));
	char path[64];

	snprintf(path, sizeof(path), "/data/small-akd%u.akp", c->head.chip);
	CHECK(out);
	if (akida_program_load(path, &p, diag) || akida_device_verify(d, p, diag) ||
	    akida_session_create(d, p, NULL, &sp, &s, diag))
		guest_fail(__FILE__, __LINE__, "%s: %s", path,
			   akida_diag_first_error(diag) ? akida_diag_first_error(diag)->text : "");
	for (unsigned int round = 0; round < 3; round++) {
		memset(out, 0x5a, c->head.frames * c->outputs * sizeof(*out));
		if (akida_session_run(s, c->in, c->head.frames, out) != (int64_t)c->head.frames)
			guest_fail(__FILE__, __LINE__, "run: %s", akida_session_error(s));
		for (size_t i = 0; i < c->head.frames * c->outputs; i++)
			EQ(out[i], c->out[i]);
	}
	akida_session_destroy(s);
	akida_program_destroy(p);
	akida_diag_destroy(diag);
	free(out);
}

static void vfio_runs_our_program(void)
{
	load_vfio();
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_device_info info = {.size = sizeof(info)};
		struct akida_device *d;

		open_board(board, -EBUSY); /* our module has it */
		hand_over(board, "akida", "vfio-pci");
		d = open_board(board, 0);
		open_board(board, -EBUSY); /* one process at a time */
		EQ(akida_device_info(d, &info), 0);
		EQ(info.source, AKIDA_SOURCE_BOARD);
		CHECK(info.nps > 0 && info.floor_mw > 0);
		run_program(d, board);
		EQ(akida_device_reset(d, NULL), 0);
		run_program(d, board);
		akida_device_close(d);
		d = open_board(board, 0); /* as a new one */
		run_program(d, board);
		akida_device_close(d);
	}
}

/* Whether this boot was asked to run vfio_survives_faults. */
static bool faults_wanted(void)
{
	char line[2048] = "";
	FILE *f = fopen("/proc/cmdline", "r");
	bool wanted = f && fgets(line, sizeof(line), f) && strstr(line, "bed.vfio_faults");

	if (f)
		fclose(f);
	return wanted;
}

/*
 * A hanging frame, and DMA that is refused: an error in time, then a new session works. Now and then, on a
 * busy host the guest falls asleep in here for good, both processors halted; why is not known, so it has a leg of its own.
 */
static void vfio_survives_faults(void)
{
	static const unsigned int faults[] = {CTL_HANG, CTL_FAIL_DMA, CTL_WRONG_JOB};

	load_vfio();
	if (!faults_wanted())
		guest_skip("hangs now and then, not understood: make check-kernel KERNELS=6.1 LEGS=vfio runs it");
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_device *d = open_board(board, 0);
		const struct guest_case *c = guest_small(board);
		int32_t *out = calloc(c->head.frames * c->outputs, sizeof(*out));
		char path[64];

		CHECK(out);
		snprintf(path, sizeof(path), "/data/small-akd%u.akp", c->head.chip);
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
			struct akida_session_params sp = {.size = sizeof(sp), .batch = 2, .provisional = true};
			struct akida_program *p = NULL;
			struct akida_session *s = NULL;
			int64_t t0 = guest_now_ns();

			EQ(akida_program_load(path, &p, NULL), 0);
			EQ(akida_session_create(d, p, NULL, &sp, &s, NULL), 0);
			guest_config_set(&guest_boards[board], faults[i], 1);
			CHECK(akida_session_run(s, c->in, 4, out) < 0);
			CHECK(akida_session_error(s)[0]);
			CHECK(guest_now_ns() - t0 < 30000000000ll);
			guest_config_set(&guest_boards[board], faults[i], 0);
			EQ(akida_session_run(s, c->in, 4, out), -ENODEV);
			akida_session_destroy(s);
			akida_program_destroy(p);
			run_program(d, board);
		}
		akida_device_close(d);
		free(out);
	}
}

static void vfio_gives_the_boards_back(void)
{
	load_vfio();
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;

		hand_over(board, "vfio-pci", "akida");
		EQ(guest_attr_write(&guest_boards[board], "driver_override", "\n"), 0);
		EQ(guest_find_boards(), 2);
		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_run_and_compare(&j, 4);
	}
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(vfio_runs_our_program);
	RUN(vfio_survives_faults);
	RUN(vfio_gives_the_boards_back);
	return 0;
}
