// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Output buffers: the 32-byte header's first word, and payloads of every format turned into int32
 * (h, w, c).
 */
#include "internal.h"

enum out_kind { OUT_NONE, OUT_WORDS, OUT_BYTES, OUT_CNP, OUT_FNP };

static enum out_kind out_kind(u32 head)
{
	switch (AKC_OUT_FORMAT(head)) {
	case AKC_FMT_DENSE_CNP_POTENTIALS:
	case AKC_FMT_DENSE_CNP_SHORT:
	case AKC_FMT_DENSE_FNP_POTENTIALS:
	case AKC_FMT_DENSE_FNP_SHORT:
		return OUT_WORDS;
	case AKC_FMT_DENSE_FNP_ACTIVATIONS:
	case AKC_FMT_DENSE_CNP_ACTIVATIONS:
		return OUT_BYTES;
	case AKC_FMT_CNP_ACTIVATIONS:
	case AKC_FMT_CNP_POTENTIALS:
		return OUT_CNP;
	case AKC_FMT_FNP_ACTIVATIONS:
	case AKC_FMT_FNP_POTENTIALS:
		return OUT_FNP;
	default:
		return OUT_NONE;
	}
}

/* Payload bytes an output buffer must hold. Sparse: one event per neuron. */
u32 akc_output_bytes(u8 output_type, bool activation, u32 out_count)
{
	if (output_type)
		return 8 * out_count;
	return activation ? (out_count + 3) & ~3u : 4 * out_count;
}

/*
 * Payload bytes to read for this header. Dense buffers were cleared before the frame, so the whole
 * of them counts whatever number of words the chip says it wrote; more words than the buffer holds,
 * or a format this program cannot give, is an error of the chip.
 */
int akc_output_check(struct akc_dev *d, u32 head, u32 *bytes)
{
	u32 words = AKC_OUT_WORDS(head);
	u32 room = akc_output_bytes(d->output_type, d->activation, d->out_count);
	u32 need;

	if (words > room / 4)
		return akc_fail(d, -EIO, "output longer than its buffer", head, room);
	switch (out_kind(head)) {
	case OUT_WORDS:
		need = 4 * d->out_count;
		break;
	case OUT_BYTES:
		need = (d->out_count + 3) & ~3u;
		break;
	case OUT_CNP:
	case OUT_FNP:
		if (words & 1)
			return akc_fail(d, -EIO, "half an output event", head, words);
		*bytes = 4 * words;
		return 0;
	default:
		return akc_fail(d, -EIO, "output format", head, d->output_type);
	}
	if (need > room)
		return akc_fail(d, -EIO, "output format of another program", head, room);
	*bytes = need;
	return 0;
}

static s32 sign_extend(u32 v, u32 bits)
{
	u32 sign = 1u << (bits - 1);

	v &= (sign << 1) - 1;
	return (s32)(v ^ sign) - (s32)sign;
}

static int put_event(struct akc_dev *d, u32 head, u32 w0, u32 w1, s32 *out)
{
	bool cnp = out_kind(head) == OUT_CNP;
	u32 x = w0 & 0xfff, y = (w0 >> 16) & 0xfff, f = w1 & 0x7ff;
	u64 at = w0 & 0x3ffff;
	s32 v;

	switch (AKC_OUT_FORMAT(head)) {
	case AKC_FMT_CNP_ACTIVATIONS:
		v = (s32)((w1 >> 16) & 0xff);
		break;
	case AKC_FMT_CNP_POTENTIALS:
		/* of a CNP; only the HRC uses the upper four bits in w0 */
		v = sign_extend(w1 >> 12, 20);
		break;
	case AKC_FMT_FNP_ACTIVATIONS:
		v = (s32)(w1 & 0x3ffffff);
		break;
	default:
		v = sign_extend(w1, 26);
		break;
	}
	if (cnp) {
		if (x >= d->out_w || f >= d->out_c)
			return akc_fail(d, -EIO, "output event outside the output", w0, w1);
		at = ((u64)y * d->out_w + x) * d->out_c + f;
	}
	if (at >= d->out_count)
		return akc_fail(d, -EIO, "output event outside the output", w0, w1);
	out[at] = v;
	return 0;
}

/*
 * One stretch of a payload, off bytes from its start; off and bytes are multiples of 8 except in
 * the last stretch. The first stretch clears out.
 */
int akc_output_convert(struct akc_dev *d, u32 head, const u8 *payload, u32 off, u32 bytes,
		       s32 *out)
{
	enum out_kind kind = out_kind(head);
	u32 i, n;
	int err;

	if (!off && (kind == OUT_CNP || kind == OUT_FNP))
		memset(out, 0, sizeof(*out) * d->out_count);
	switch (kind) {
	case OUT_WORDS:
		n = akc_min(bytes / 4, d->out_count - off / 4);
		for (i = 0; i < n; i++)
			out[off / 4 + i] = (s32)akc_get32(payload + 4 * i);
		return 0;
	case OUT_BYTES:
		n = akc_min(bytes, d->out_count - off);
		for (i = 0; i < n; i++)
			out[off + i] = payload[i];
		return 0;
	default:
		for (i = 0; i + 8 <= bytes; i += 8) {
			err = put_event(d, head, akc_get32(payload + i), akc_get32(payload + i + 4),
					out);
			if (err)
				return err;
		}
		return 0;
	}
}
