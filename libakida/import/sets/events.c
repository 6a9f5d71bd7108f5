/* SPDX-License-Identifier: MIT */
/*
 * Recordings of event cameras as frames: each of so many milliseconds, two channels (OFF, ON), 1 where there was an event. AEDAT 3.1
 * (DVS128 Gesture: NAME.aedat with NAME_labels.csv, trials_to_train.txt and trials_to_test.txt) and the five bytes an
 * event of N-MNIST (.bin, .bs2).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/le.h"
#include "import/sets/set.h"

#define AEDAT_SIDE 128
#define NMNIST_SIDE 34
#define PACKET_HEAD 28
#define PACKET_MAX (64u << 20)
#define POLARITY_EVENT 1

static const char *const gestures[] = {"hand_clapping",
				       "right_hand_wave",
				       "left_hand_wave",
				       "right_arm_clockwise",
				       "right_arm_counter_clockwise",
				       "left_arm_clockwise",
				       "left_arm_counter_clockwise",
				       "arm_roll",
				       "air_drums",
				       "air_guitar",
				       "other_gestures"};

struct frames {
	const struct akida_set *set;
	int8_t *x;
	int64_t from, end; /* end of the last frame */
	uint32_t side;
};

static void add_event(struct frames *f, int64_t at, uint32_t x, uint32_t y, bool on)
{
	const struct akida_set *s = f->set;
	uint32_t h = (uint32_t)s->dims[0], w = (uint32_t)s->dims[1], frame;

	if (at < f->from || at >= f->end || x >= f->side || y >= f->side)
		return;
	frame = (uint32_t)((at - f->from) / ((int64_t)s->p.frame_ms * 1000));
	f->x[((size_t)(y * h / f->side) * w + x * w / f->side) * s->dims[2] + 2 * frame + on] = 1;
}

/* Header lines begin with '#'; the last one is #!END-HEADER. */
static int skip_header(FILE *in, const char *path, struct akida_diag *diag)
{
	char line[4096];

	if (!fgets(line, sizeof(line), in) || strncmp(line, "#!AER-DAT3", 10))
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_FILES, path, "is no AEDAT 3 recording");
	while (fgets(line, sizeof(line), in) && line[0] == '#')
		if (!strncmp(line, "#!END-HEADER", 12))
			return 0;
	return ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "has no end of its header");
}

static int read_aedat(struct frames *f, FILE *in, const char *path, struct akida_diag *diag)
{
	uint8_t head[PACKET_HEAD], *data = NULL;
	int err = skip_header(in, path, diag);

	while (!err) {
		size_t n = fread(head, 1, sizeof(head), in);
		uint32_t size, events, type, bytes;
		int64_t overflow;
		uint8_t *more;

		if (!n)
			break;
		if (n < sizeof(head)) {
			err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "ends within a packet's head");
			break;
		}
		type = ak_get32(head) & 0xffff;
		size = ak_get32(head + 4);
		overflow = (int64_t)ak_get32(head + 12) << 31;
		events = ak_get32(head + 20);
		if (size < 8 || size > 1024 || events > PACKET_MAX / size) {
			err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "has a packet of %u events of %u bytes",
				      events, size);
			break;
		}
		bytes = size * events;
		more = realloc(data, bytes ? bytes : 1);
		if (!more) {
			err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, path, "no memory for a packet");
			break;
		}
		data = more;
		if (fread(data, 1, bytes, in) != bytes) {
			err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "ends within a packet");
			break;
		}
		if (type != POLARITY_EVENT || !events)
			continue;
		if ((overflow | (int64_t)(ak_get32(data + 4) & 0x7fffffff)) >= f->end)
			break; /* packets are in order of time */
		for (uint32_t i = 0; i < events; i++) {
			uint32_t e = ak_get32(data + (size_t)i * size);

			if (e & 1)
				add_event(f, overflow | (int64_t)(ak_get32(data + (size_t)i * size + 4) & 0x7fffffff),
					  e >> 17, e >> 2 & 0x7fff, e >> 1 & 1);
		}
	}
	free(data);
	return err;
}

/* x, y, then a bit of polarity and 23 of microseconds, the high ones first. */
static int read_nmnist(struct frames *f, FILE *in, const char *path, struct akida_diag *diag)
{
	uint8_t e[5];
	size_t n;

	while ((n = fread(e, 1, sizeof(e), in)) == sizeof(e))
		add_event(f, (int64_t)(e[2] & 0x7f) << 16 | e[3] << 8 | e[4], e[0], e[1], e[2] >> 7);
	return n ? ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "ends within an event") : 0;
}

static int read_dvs(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag)
{
	bool aedat = ak_set_ends_with(item->path, ".aedat");
	struct frames f = {.set = s, .x = x, .from = item->from, .side = aedat ? AEDAT_SIDE : NMNIST_SIDE};
	FILE *in = fopen(item->path, "rb");
	int err;

	if (!in) {
		err = -errno;
		return ak_fail(diag, err, AK_RULE_IO, item->path, "cannot be opened: %s", strerror(-err));
	}
	f.end = f.from + (int64_t)s->p.frame_ms * 1000 * s->p.frames;
	if (item->to && item->to < f.end)
		f.end = item->to;
	memset(x, 0, s->bytes);
	err = aedat ? read_aedat(&f, in, item->path, diag) : read_nmnist(&f, in, item->path, diag);
	fclose(in);
	return err;
}

/* A line a trial: class from 1, begin and end in microseconds; the first line names the columns. */
static int add_trials(struct akida_set *s, const char *recording, struct akida_diag *diag)
{
	char path[8192], line[256];
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%.*s_labels.csv", (int)(strlen(recording) - strlen(".aedat")), recording);
	f = fopen(path, "r");
	if (!f) {
		err = -errno;
		return ak_fail(diag, err, AK_RULE_IO, path, "cannot be opened: %s", strerror(-err));
	}
	while (!err && fgets(line, sizeof(line), f)) {
		long long from, to;
		int label;

		if (!strncmp(line, "class", 5) || line[strspn(line, " \r\n")] == 0)
			continue;
		if (sscanf(line, "%d,%lld,%lld", &label, &from, &to) != 3 || label < 1 || label > 11 || from < 0 ||
		    to <= from) {
			err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "has a line that is no trial: %.60s",
				      line);
			break;
		}
		err = ak_set_add(s, recording, label - 1, 0);
		if (!err) {
			s->items[s->count - 1].from = from;
			s->items[s->count - 1].to = to;
		}
	}
	fclose(f);
	return err;
}

/* DVS128 Gesture: the list of the split, or all recordings of the folder. */
static int open_gestures(struct akida_set *s, const char *root, char **names, size_t count, struct akida_diag *diag)
{
	char path[8192], line[512];
	int err = 0;
	FILE *f;

	for (size_t i = 0; i < sizeof(gestures) / sizeof(*gestures) && err >= 0; i++)
		err = ak_set_class_number(s, gestures[i]);
	if (err < 0)
		return err;
	err = 0;
	for (size_t i = 0; !s->split && i < count && !err; i++)
		if (ak_set_ends_with(names[i], ".aedat")) {
			snprintf(path, sizeof(path), "%s/%s", root, names[i]);
			err = add_trials(s, path, diag);
		}
	if (!s->split)
		return err;
	snprintf(path, sizeof(path), "%s/trials_to_%s.txt", root, s->split);
	f = fopen(path, "r");
	if (!f) {
		err = -errno;
		return ak_fail(diag, err, AK_RULE_IO, path, "cannot be opened: %s", strerror(-err));
	}
	while (!err && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (!*line)
			continue;
		if (strchr(line, '/'))
			err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "names a file of another folder");
		snprintf(path, sizeof(path), "%s/%s", root, line);
		if (!err)
			err = add_trials(s, path, diag);
	}
	fclose(f);
	return err;
}

static int open_dvs(struct akida_set *s, const char *path, struct akida_diag *diag)
{
	static const char *const recordings[] = {".bs2", ".bin", NULL};
	char root[4096], folder[8192], **names;
	bool aedat = false;
	size_t count, shape[3];
	int err;

	s->p.frame_ms = s->p.frame_ms ? s->p.frame_ms : 60;
	s->p.frames = s->p.frames ? s->p.frames : 5;
	s->target = AKIDA_TARGET_CLASS;
	snprintf(root, sizeof(root), "%s", path);
	err = ak_set_names(path, &names, &count, diag);
	for (size_t i = 0; i < count && !err; i++)
		aedat |= ak_set_ends_with(names[i], ".aedat");
	if (!err && !aedat && s->split) {
		ak_set_names_free(names, count);
		snprintf(root, sizeof(root), "%s/%s", path, s->split);
		err = ak_set_names(root, &names, &count, diag);
	}
	if (err)
		return err;
	shape[0] = s->p.height ? s->p.height : aedat ? AEDAT_SIDE / 2 : NMNIST_SIDE;
	shape[1] = s->p.width ? s->p.width : shape[0];
	shape[2] = 2 * (size_t)s->p.frames;
	ak_set_shape(s, AKIDA_I8, 3, shape);
	if (aedat)
		err = open_gestures(s, root, names, count, diag);
	for (size_t i = 0; !aedat && i < count && !err; i++) {
		int32_t label;

		snprintf(folder, sizeof(folder), "%s/%s", root, names[i]);
		if (!ak_set_is_folder(folder))
			continue;
		label = ak_set_class_number(s, names[i]);
		err = label < 0 ? label : ak_set_add_folder(s, folder, recordings, label, diag);
	}
	ak_set_names_free(names, count);
	return err;
}

const struct ak_set_kind ak_set_dvs = {"dvs", open_dvs, read_dvs};
