/* SPDX-License-Identifier: MIT */
/*
 * One program with its inputs and the outputs that `virtual:` gave on the host, in one flat file that the guest reads
 * without a parser: written by host_cases.c, read by guest.c. Little-endian, like every machine it is used on.
 * After the head: tracks, passes, EPG list, image, inputs (frames x in), outputs (frames x out, int32).
 */
#ifndef GUEST_CASE_H
#define GUEST_CASE_H

#include <stdint.h>

#define GUEST_CASE_MAGIC 0x53414b41u

struct guest_case_head {
	uint32_t magic, chip; /* AKIDA_CHIP_* */
	uint8_t version[4];
	uint32_t in_dims[3], out_dims[3], window_w, window_h, input_type, output_type, activation;
	uint32_t image_bytes, track_count, pass_count, epg_count, frames;
};

#endif
