/* SPDX-License-Identifier: MIT */
/*
 * The wire format of an .onnx before anything is unpacked: nesting, lengths, and the memory that unpacking will take.
 * protobuf-c recurses once per level without a limit and makes hundreds of bytes of two, so this walk comes first. It
 * follows the descriptors that protoc-c generates, so it knows every message of onnx.proto and none by name.
 */
#include <errno.h>
#include "import/onnx.h"

#define MAX_DEPTH 20u	/* a model, its graph, a node, an attribute, a tensor are five */
#define FIELD_BYTES 64u /* what protobuf-c keeps of one field while it scans */
#define BASE_BYTES ((uint64_t)64 << 20)
#define BYTES_PER_BYTE 8u /* packed int64 of one byte each */

struct walk {
	const unsigned char *at, *end;
	uint64_t bytes, max;
	const char *why;
};

static bool varint(struct walk *w, uint64_t *v)
{
	*v = 0;
	for (unsigned int shift = 0; shift < 64; shift += 7) {
		if (w->at == w->end)
			return false;
		*v |= (uint64_t)(*w->at & 0x7f) << shift;
		if (!(*w->at++ & 0x80))
			return true;
	}
	return false;
}

static bool message(struct walk *w, const ProtobufCMessageDescriptor *d, unsigned int depth);

/* A field with a length: text, bytes, packed numbers, or a message. */
static bool sized(struct walk *w, const ProtobufCFieldDescriptor *f, unsigned int depth)
{
	struct walk inner = *w;
	uint64_t n;

	if (!varint(w, &n) || n > (uint64_t)(w->end - w->at))
		return false;
	w->bytes += FIELD_BYTES;
	if (f && f->type == PROTOBUF_C_TYPE_MESSAGE) {
		inner.at = w->at;
		inner.end = w->at + n;
		inner.bytes = w->bytes;
		if (!message(&inner, f->descriptor, depth + 1)) {
			w->why = inner.why;
			return false;
		}
		w->bytes = inner.bytes;
	} else if (f && (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES)) {
		w->bytes += n;
	} else {
		w->bytes += n * BYTES_PER_BYTE;
	}
	w->at += n;
	return true;
}

static bool message(struct walk *w, const ProtobufCMessageDescriptor *d, unsigned int depth)
{
	if (depth > MAX_DEPTH) {
		w->why = "messages are nested too deeply";
		return false;
	}
	w->bytes += d->sizeof_message;
	while (w->at != w->end) {
		uint64_t tag, skip;
		size_t fixed = 0;

		if (!varint(w, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
			return false;
		if (w->bytes > w->max) {
			w->why = "unpacks to more memory than a file of its size may";
			return false;
		}
		switch (tag & 7) {
		case 0:
			w->bytes += FIELD_BYTES;
			if (!varint(w, &skip))
				return false;
			continue;
		case 1:
			fixed = 8;
			break;
		case 5:
			fixed = 4;
			break;
		case 2:
			if (!sized(w, protobuf_c_message_descriptor_get_field(d, (unsigned int)(tag >> 3)), depth))
				return false;
			continue;
		default: /* groups are of protocol buffers before ONNX */
			return false;
		}
		if (fixed > (size_t)(w->end - w->at))
			return false;
		w->at += fixed;
		w->bytes += FIELD_BYTES;
	}
	return true;
}

int ak_onnx_wire_check(const void *bytes, size_t len, const char **why)
{
	struct walk w = {.at = bytes, .end = (const unsigned char *)bytes + len, .max = BASE_BYTES + 2 * (uint64_t)len};

	if (message(&w, &onnx__model_proto__descriptor, 0))
		return 0;
	*why = w.why;
	return w.why ? -ERANGE : -EILSEQ;
}
