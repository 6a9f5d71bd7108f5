/* SPDX-License-Identifier: MIT */
/*
 * A minimal host for the software NSoC's tests: it programs windows, moves data with the chip's own DMA engine, loads
 * tracks through the configuration DMA and runs image frames. Bus accesses only; independent of driver/core. Vendor
 * programs are found with a few lines of flatbuffer walking, independent of program/.
 */
#ifndef MINI_HOST_H
#define MINI_HOST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "driver/core/types.h"
#include "driver/core/regs_akd1000.h"
#include "driver/core/regs_akd1500.h"
#include "driver/core/regs_core.h"
#include "firmware/nsoc/nsoc.h"

#define MINI_HOST_BUS 0x140000000ull
#define MINI_HOST_BYTES (1u << 20)
#define MINI_LIST 0x20000000u /* as the vendor driver: write channel 0 at 0, read channel 0 at 0x80 */
#define MINI_RING 0x20000200u
#define MINI_IN_RING 0x20000400u
#define MINI_TRACK 0x20001000u
#define MINI_INPUT 0x20080000u
#define MINI_OUTPUT 0x200c0000u
#define MINI_OUTPUT_BYTES 0x8000u

struct mini {
	struct nsoc *chip;
	enum nsoc_chip kind;
	unsigned int core_bar;
	uint8_t host[MINI_HOST_BYTES];
	unsigned int messages; /* MSI received */
	uint64_t message_addr;
	uint32_t message_data;
	bool cycle[2]; /* next cycle bit of each direction's list */
	bool list_started[2];
	uint8_t config_last, image_last;
	uint16_t job;
};

static inline int mini_host_read(void *ctx, uint64_t bus, void *to, uint32_t bytes)
{
	struct mini *m = ctx;

	if (bus < MINI_HOST_BUS || bus - MINI_HOST_BUS > MINI_HOST_BYTES ||
	    bytes > MINI_HOST_BYTES - (bus - MINI_HOST_BUS))
		return -1;
	memcpy(to, m->host + (bus - MINI_HOST_BUS), bytes);
	return 0;
}

static inline int mini_host_write(void *ctx, uint64_t bus, const void *from, uint32_t bytes)
{
	struct mini *m = ctx;

	if (bus < MINI_HOST_BUS || bus - MINI_HOST_BUS > MINI_HOST_BYTES ||
	    bytes > MINI_HOST_BYTES - (bus - MINI_HOST_BUS))
		return -1;
	memcpy(m->host + (bus - MINI_HOST_BUS), from, bytes);
	return 0;
}

static inline void mini_host_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct mini *m = ctx;

	m->messages++;
	m->message_addr = addr;
	m->message_data = data;
}

static inline uint32_t mini_rd(struct mini *m, uint32_t off)
{
	return nsoc_bar_read(m->chip, m->core_bar, off);
}

static inline void mini_wr(struct mini *m, uint32_t off, uint32_t val)
{
	nsoc_bar_write(m->chip, m->core_bar, off, val);
}

static inline void mini_windows(struct mini *m)
{
	static const uint32_t target[3] = {AKC_CORE_ADDR, AKD1000_DBI_ADDR, AKD1000_MEM_ADDR};

	if (m->kind == NSOC_AKD1000) {
		for (uint32_t i = 0; i < 3; i++) {
			nsoc_cfg_write(m->chip, 0x900, 0x80000000u | i);
			nsoc_cfg_write(m->chip, 0x904, 0);
			nsoc_cfg_write(m->chip, 0x918, target[i]);
			nsoc_cfg_write(m->chip, 0x908, 0xc0080000u | (2 * i) << 8);
		}
		return;
	}
	nsoc_bar_write(m->chip, 0, 0x700, 0);
	nsoc_bar_write(m->chip, 0, 0x704, 0xc0080200u);
	nsoc_bar_write(m->chip, 0, 0x714, AKC_CORE_ADDR);
	nsoc_bar_write(m->chip, 0, 0x900, 0);
	nsoc_bar_write(m->chip, 0, 0x904, 0xc0080400u);
	nsoc_bar_write(m->chip, 0, 0x914, AKD1500_MEM_ADDR);
}

static inline struct mini *mini_open(enum nsoc_chip kind, bool windows)
{
	struct mini *m = calloc(1, sizeof(*m));
	struct nsoc_host host = {.read = mini_host_read, .write = mini_host_write, .msi = mini_host_msi};

	assert_non_null(m);
	host.ctx = m;
	m->kind = kind;
	m->core_bar = kind == NSOC_AKD1000 ? 0 : 2;
	m->config_last = m->image_last = 0xff;
	assert_int_equal(nsoc_create(kind, &host, &m->chip), 0);
	if (windows)
		mini_windows(m);
	return m;
}

static inline void mini_close(struct mini *m)
{
	nsoc_destroy(m->chip);
	free(m);
}

static inline struct nsoc_report mini_report(struct mini *m)
{
	struct nsoc_report r;

	nsoc_get_report(m->chip, &r);
	return r;
}

static inline uint64_t mini_complaints(struct mini *m)
{
	struct nsoc_report r = mini_report(m);

	return r.unknown_registers + r.unknown_packets + r.unknown_encodings + r.bad_addresses + r.dma_faults;
}

#define mini_assert_clean(m)                                                                                           \
	do {                                                                                                           \
		struct nsoc_report mini_r_ = mini_report(m);                                                           \
		if (mini_complaints(m))                                                                                \
			fail_msg("model complained: %s", mini_r_.last);                                                \
	} while (0)

/* ---- PCIe DMA: one data element and one link element, as the vendor driver builds its lists ---- */

static inline void mini_list_word(struct mini *m, uint32_t off, uint32_t val)
{
	nsoc_bar_write(m->chip, 4, MINI_LIST - AKD1000_MEM_ADDR + off, val);
}

static inline void mini_edma(struct mini *m, uint32_t off, uint32_t val)
{
	nsoc_bar_write(m->chip, AKD1000_BAR_DBI, AKD1000_EDMA + off, val);
}

/* dir 0: device to host, 1: host to device. Returns true when the engine says done. */
static inline bool mini_dma(struct mini *m, int dir, uint32_t dev, uint64_t bus, uint32_t bytes)
{
	uint32_t list = dir ? 0x80 : 0, cb;

	m->cycle[dir] = !m->cycle[dir];
	cb = m->cycle[dir];
	mini_list_word(m, list + 4, bytes);
	mini_list_word(m, list + 8, dir ? (uint32_t)bus : dev);
	mini_list_word(m, list + 12, dir ? (uint32_t)(bus >> 32) : 0);
	mini_list_word(m, list + 16, dir ? dev : (uint32_t)bus);
	mini_list_word(m, list + 20, dir ? 0 : (uint32_t)(bus >> 32));
	mini_list_word(m, list, cb | AKC_LL_LIE | AKC_LL_RIE);
	mini_list_word(m, list + 32, MINI_LIST + list);
	mini_list_word(m, list + 36, 0);
	mini_list_word(m, list + 24, AKC_LL_LLP | AKC_LL_TCB | !cb);
	if (m->kind == NSOC_AKD1000) {
		uint32_t status = dir ? AKD1000_EDMA_RD_STATUS : AKD1000_EDMA_WR_STATUS, done;

		if (!m->list_started[dir]) {
			mini_edma(m, dir ? AKD1000_EDMA_RD_ENABLE : AKD1000_EDMA_WR_ENABLE, 1);
			mini_edma(m, dir ? AKD1000_EDMA_RD_MASK : AKD1000_EDMA_WR_MASK, 0);
			mini_edma(m, AKD1000_EDMA_VIEWPORT, dir ? AKD1000_EDMA_VIEWPORT_READ : 0);
			mini_edma(m, AKD1000_EDMA_CH_CONTROL1,
				  AKD1000_EDMA_CH_CONTROL1_CCS | AKD1000_EDMA_CH_CONTROL1_LLE);
			mini_edma(m, AKD1000_EDMA_CH_LIST, MINI_LIST + list);
			mini_edma(m, AKD1000_EDMA_CH_LIST + 4, 0);
		}
		m->list_started[dir] = true;
		mini_edma(m, dir ? AKD1000_EDMA_RD_DOORBELL : AKD1000_EDMA_WR_DOORBELL, 0);
		done = nsoc_bar_read(m->chip, AKD1000_BAR_DBI, AKD1000_EDMA + status);
		mini_edma(m, dir ? AKD1000_EDMA_RD_CLEAR : AKD1000_EDMA_WR_CLEAR, done);
		return done == 1;
	}
	{
		uint32_t ch = dir ? AKD1500_HDMA_RD(0) : AKD1500_HDMA_WR(0), done;

		if (!m->list_started[dir]) {
			nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_ENABLE, 1);
			nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_INT_SETUP, 0x7d);
			nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_CONTROL1, 1);
			nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_LIST, MINI_LIST + list);
			nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_LIST + 4, 0);
			nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_CYCLE, 3);
		}
		m->list_started[dir] = true;
		nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_DOORBELL, 1);
		done = nsoc_bar_read(m->chip, 0, ch + AKD1500_HDMA_INT_STATUS);
		nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_INT_CLEAR, done);
		return done == 1 && (nsoc_bar_read(m->chip, 0, ch + AKD1500_HDMA_STATUS) & 3) == 3;
	}
}

static inline bool mini_to_device(struct mini *m, uint32_t dev, const void *from, uint32_t bytes)
{
	memcpy(m->host, from, bytes);
	return mini_dma(m, 1, dev, MINI_HOST_BUS, bytes);
}

static inline bool mini_from_device(struct mini *m, void *to, uint32_t dev, uint32_t bytes)
{
	bool ok = mini_dma(m, 0, dev, MINI_HOST_BUS, bytes);

	memcpy(to, m->host, bytes);
	return ok;
}

/* ---- resets, core DMA ---- */

static inline void mini_reset(struct mini *m)
{
	mini_wr(m, AKC_TOP_CONTROL, AKC_TOP_CONTROL_CORE_RESET | AKC_TOP_CONTROL_SCC_RESET);
	nsoc_advance_us(m->chip, 1000);
	mini_wr(m, AKC_TOP_CONTROL, 0);
	nsoc_advance_us(m->chip, 2000);
	mini_wr(m, AKC_TOP_CONTROL, AKC_TOP_CONTROL_LOGIC_RESET | AKC_TOP_CONTROL_MESH_RESET);
	nsoc_advance_us(m->chip, 1000);
	mini_wr(m, AKC_TOP_CONTROL, 0);
	nsoc_advance_us(m->chip, 1000);
	m->config_last = m->image_last = 0xff;
}

static inline void mini_config_init(struct mini *m)
{
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_CONTROL, AKC_CDMA_CONTROL_SOFT_RESET);
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_RING, MINI_RING);
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_GEOMETRY, AKC_CDMA_GEOMETRY_SET(1u, 4u));
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_MONITOR,
		AKC_CDMA_MONITOR_TIMER | AKC_CDMA_MONITOR_MASK_IB | AKC_CDMA_MONITOR_MASK_EXT |
			AKC_CDMA_MONITOR_MASK_BURST);
	m->config_last = 0xff;
}

/* One configuration descriptor; false when it did not end. */
static inline bool mini_config(struct mini *m, uint32_t word0, uint32_t in, uint32_t words, uint32_t out)
{
	uint32_t d[8] = {word0, in, words, out};
	uint32_t monitor = mini_rd(m, AKC_CONF_DMA + AKC_CDMA_MONITOR);
	bool done;

	m->config_last = (uint8_t)((m->config_last + 1u) % 4);
	assert_true(mini_to_device(m, MINI_RING + 32u * m->config_last, d, sizeof(d)));
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_CONTAINER, (uint32_t)m->config_last << 16);
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_CONTROL, AKC_CDMA_CONTROL_RUN | AKC_CDMA_CONTROL_INT_EN);
	done = mini_rd(m, AKC_CONF_DMA + AKC_CDMA_EVENTS) & AKC_CDMA_EVENTS_OB_INT;
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_MONITOR, monitor | AKC_CDMA_MONITOR_STATUS_CLEAR);
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_CONTROL, 0);
	return done;
}

static inline bool mini_load_track(struct mini *m, const uint32_t *words, uint32_t count)
{
	assert_true(mini_to_device(m, MINI_TRACK, words, count * 4));
	return mini_config(m, 1u << 28 | 1u, MINI_TRACK, count, 0);
}

/* NP register by a configuration read. */
static inline uint32_t mini_np_read(struct mini *m, uint32_t col, uint32_t row, uint32_t id, uint32_t word)
{
	uint32_t head[2] = {col << 24 | row << 16 | 1u << (8 + id) | AKC_UID_REGISTER, 1u << 16 | word},
		 value = 0xdeadbeef;

	assert_true(mini_to_device(m, MINI_TRACK, head, sizeof(head)));
	assert_true(mini_config(m, 1u, MINI_TRACK, 2, MINI_TRACK + 64));
	assert_true(mini_from_device(m, &value, MINI_TRACK + 64, 4));
	return value;
}

static inline void mini_image_init(struct mini *m, uint32_t clear_words)
{
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_CONTROL, AKC_CDMA_CONTROL_SOFT_RESET);
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_RING, MINI_IN_RING);
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_GEOMETRY, AKC_CDMA_GEOMETRY_SET(2u, 8u));
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_MONITOR,
		AKC_CDMA_MONITOR_TIMER | AKC_CDMA_MONITOR_END_INBOUND | AKC_CDMA_MONITOR_MASK_IB |
			AKC_CDMA_MONITOR_MASK_EXT | AKC_CDMA_MONITOR_MASK_BURST);
	if (m->kind == NSOC_AKD1500)
		mini_wr(m, AKC_HRC_DMA + AKC_CDMA_OB_CLEAR, AKC_CDMA_OB_CLEAR_EN | clear_words);
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_CONTROL,
		AKC_CDMA_CONTROL_RUN | AKC_CDMA_CONTROL_INT_EN | AKC_CDMA_CONTROL_INFO_EN |
			AKC_CDMA_CONTROL_HDR_BYTES(32u));
	m->image_last = 0xff;
	m->job = (uint16_t)(mini_rd(m, AKC_HRC_DMA + AKC_CDMA_STATUS) >> 16);
}

/* Queues one image; its output goes to slot's place. */
static inline void mini_enqueue(struct mini *m, const uint8_t *in, uint32_t h, uint32_t w, uint32_t c, uint32_t slot)
{
	static const uint8_t zero[MINI_OUTPUT_BYTES];
	uint32_t d[9] = {(uint32_t)++m->job << 16 | AKC_DESC_IB_INT_OFF | 1u,
			 MINI_INPUT,
			 w * c | h << 16,
			 w * c,
			 0,
			 0,
			 0,
			 MINI_OUTPUT + slot * MINI_OUTPUT_BYTES,
			 0};

	m->image_last = (uint8_t)((m->image_last + 1u) % 8);
	if (m->kind == NSOC_AKD1000)
		assert_true(mini_to_device(m, d[7], zero, sizeof(zero)));
	assert_true(mini_to_device(m, MINI_INPUT, in, h * w * c));
	assert_true(mini_to_device(m, MINI_IN_RING + 64u * m->image_last, d, sizeof(d)));
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_CONTAINER, (uint32_t)m->image_last << 16);
}

static inline bool mini_done(struct mini *m)
{
	return mini_rd(m, AKC_HRC_DMA + AKC_CDMA_STATUS) >> 16 == m->job;
}

/* Outputs of slot as int32, whatever the format; returns how many values (or events) there were. */
static inline uint32_t mini_fetch(struct mini *m, uint32_t slot, int32_t *out, uint32_t max, uint32_t *format)
{
	uint32_t header[8], words, *payload;
	uint32_t at = MINI_OUTPUT + slot * MINI_OUTPUT_BYTES, count = 0;

	assert_true(mini_from_device(m, header, at, sizeof(header)));
	words = AKC_OUT_WORDS(header[0]);
	*format = AKC_OUT_FORMAT(header[0]);
	assert_true(words && words * 4 < MINI_OUTPUT_BYTES);
	payload = malloc(words * 4);
	assert_non_null(payload);
	assert_true(mini_from_device(m, payload, at + 32, words * 4));
	if (*format == AKC_FMT_CNP_POTENTIALS) {
		for (uint32_t i = 0; i + 1 < words && count < max; i += 2, count++) /* by filter: 1x1 maps only */
			out[payload[i + 1] & 0x7ffu] = (int32_t)payload[i + 1] >> 12;
	} else if (*format == AKC_FMT_DENSE_FNP_POTENTIALS) {
		for (; count < words && count < max; count++)
			out[count] = (int32_t)payload[count];
	} else {
		for (; count < words * 4 && count < max; count++)
			out[count] = ((uint8_t *)payload)[count];
	}
	free(payload);
	return count;
}

/* ---- vendor programs ---- */

struct mini_program {
	uint8_t *bytes;
	size_t len, info;
	uint32_t in[3], out[3];
	uint32_t epg[32][2], epg_count;
	struct {
		const uint32_t *words;
		uint32_t count;
	} track[64];
	uint32_t tracks;
};

static inline uint8_t *mini_file(const char *name, size_t *len)
{
	const char *shared = getenv("AKIDA_SHARED");
	char path[512];
	uint8_t *bytes;
	FILE *f;
	long n;

	snprintf(path, sizeof(path), "%s/data/programs/%s", shared ? shared : "../shared", name);
	f = fopen(path, "rb");
	if (!f) {
		print_message("%s is not there\n", path);
		skip();
	}
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	fseek(f, 0, SEEK_SET);
	bytes = malloc((size_t)n + 8);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, (size_t)n, f), n);
	fclose(f);
	*len = (size_t)n;
	return bytes;
}

static inline uint32_t mini_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* Field i of a flatbuffer table, or NULL. */
static inline const uint8_t *mini_field(const uint8_t *table, unsigned int i)
{
	const uint8_t *vt = table - (int32_t)mini_u32(table);
	uint16_t size, off;

	memcpy(&size, vt, 2);
	if (4 + 2 * i + 2 > size)
		return NULL;
	memcpy(&off, vt + 4 + 2 * i, 2);
	return off ? table + off : NULL;
}

static inline const uint8_t *mini_ref(const uint8_t *p)
{
	return p + mini_u32(p);
}

static inline struct mini_program *mini_program(const char *name)
{
	const uint8_t *root, *vec, *pass, *records;
	size_t len;
	uint8_t *bytes = mini_file(name, &len); /* may skip the test: nothing is allocated before */
	struct mini_program *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->bytes = bytes;
	p->len = len;
	p->info = mini_u32(p->bytes) + 4;
	root = mini_ref(p->bytes + 4);
	memcpy(p->in, mini_ref(mini_field(root, 2)) + 4, 12);
	memcpy(p->out, mini_ref(mini_field(root, 3)) + 4, 12);
	vec = mini_ref(mini_field(root, 12));
	p->epg_count = mini_u32(vec);
	memcpy(p->epg, vec + 4, 8 * p->epg_count);
	vec = mini_ref(mini_field(root, 13));
	pass = mini_ref(vec + 4);
	records = mini_ref(mini_field(pass, 0));
	for (uint32_t r = 0; r < mini_u32(records); r++) {
		const uint8_t *span = mini_ref(mini_field(mini_ref(records + 4 + 4 * r), 0));

		assert_int_equal(mini_u32(span), 1);
		p->track[p->tracks].words = (const uint32_t *)(const void *)(p->bytes + p->info + mini_u32(span + 4));
		p->track[p->tracks++].count = mini_u32(span + 8);
	}
	return p;
}

static inline void mini_program_free(struct mini_program *p)
{
	free(p->bytes);
	free(p);
}

static inline void mini_epg(struct mini *m, const struct mini_program *p)
{
	for (uint32_t i = 0; i < p->epg_count; i++)
		mini_wr(m, AKC_EPG + p->epg[i][0], p->epg[i][1]);
}

/* Everything but the track `without` (-1: all). */
static inline void mini_load(struct mini *m, const struct mini_program *p, int without)
{
	mini_reset(m);
	mini_config_init(m);
	for (uint32_t i = 0; i < p->tracks; i++)
		if ((int)i != without)
			assert_true(mini_load_track(m, p->track[i].words, p->track[i].count));
	mini_epg(m, p);
	mini_image_init(m, p->out[0] * p->out[1] * p->out[2]);
}

#endif
