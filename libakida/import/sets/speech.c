/* SPDX-License-Identifier: MIT */
/* Speech Commands: a folder of .wav for each word, and two lists that say what is kept for validation and test. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "import/sets/mfcc.h"
#include "import/sets/set.h"
#ifdef AKIDA_SNDFILE
#include <sndfile.h>
#endif

#define SECONDS_MAX 60

struct list {
	char **line;
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_free(struct list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->line[i]);
	free(l->line);
}

/* A missing list is an empty one: FSDD and private recordings have none. */
static int list_read(struct list *l, const char *folder, const char *name)
{
	char path[8192], line[1024];
	size_t room = 0;
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (!err && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (l->count == room) {
			char **more = realloc(l->line, (room ? 2 * room : 1024) * sizeof(*more));

			err = more ? 0 : -ENOMEM;
			l->line = more ? more : l->line;
			room = room ? 2 * room : 1024;
		}
		if (!err && !(l->line[l->count++] = strdup(line))) {
			l->count--;
			err = -ENOMEM;
		}
	}
	fclose(f);
	if (l->count)
		qsort(l->line, l->count, sizeof(*l->line), by_name);
	return err;
}

static bool listed(const struct list *l, const char *name)
{
	return l->count && bsearch(&name, l->line, l->count, sizeof(*l->line), by_name);
}

/* Drops what is not of the split. Lists hold WORD/FILE. */
static void keep_split(struct akida_set *s, const struct list *val, const struct list *test, size_t root)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		const char *name = s->items[i].path + root + 1;
		const char *of = listed(test, name) ? "test" : listed(val, name) ? "val" : "train";

		if (!strcmp(of, s->split))
			s->items[kept++] = s->items[i];
		else
			free(s->items[i].path);
	}
	s->count = kept;
}

static int open_speech(struct akida_set *s, const char *path, struct akida_diag *diag)
{
	static const char *const wav[] = {".wav", ".flac", NULL};
	size_t count, shape[3] = {AK_MFCC_FRAMES, AK_MFCC_COEFFICIENTS, 1};
	struct list val = {0}, test = {0};
	char folder[8192], **names;
	int err = ak_set_names(path, &names, &count, diag);

	if (err)
		return err;
	if (s->split && strcmp(s->split, "train") && strcmp(s->split, "val") && strcmp(s->split, "test"))
		err = ak_fail(diag, -EINVAL, AK_RULE_ARG, path, "speech has splits train, val and test, no %s",
			      s->split);
	if (s->p.low == 0 && s->p.high == 0) {
		s->p.low = -51.4311f;
		s->p.high = 14.2340f;
	}
	if (!err && !(s->p.high > s->p.low))
		err = ak_fail(diag, -EINVAL, AK_RULE_ARG, path, "high is not above low");
	ak_set_shape(s, AKIDA_U8, 3, shape);
	s->target = AKIDA_TARGET_CLASS;
	for (size_t i = 0; i < count && !err; i++) {
		int32_t label;

		snprintf(folder, sizeof(folder), "%s/%s", path, names[i]);
		if (!strcmp(names[i], "_background_noise_") || !ak_set_is_folder(folder))
			continue;
		label = ak_set_class_number(s, names[i]);
		err = label < 0 ? label : ak_set_add_folder(s, folder, wav, label, diag);
	}
	ak_set_names_free(names, count);
	if (!err && s->split)
		err = list_read(&val, path, "validation_list.txt");
	if (!err && s->split)
		err = list_read(&test, path, "testing_list.txt");
	if (!err && s->split)
		keep_split(s, &val, &test, strlen(path));
	list_free(&val);
	list_free(&test);
	return err;
}

#ifdef AKIDA_SNDFILE
static int read_speech(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag)
{
	SF_INFO info = {0};
	SNDFILE *f = sf_open(item->path, SFM_READ, &info);
	float mfcc[AK_MFCC_FRAMES * AK_MFCC_COEFFICIENTS], *samples;
	sf_count_t frames;
	int err;

	if (!f)
		return ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, item->path, "%s", sf_strerror(NULL));
	frames = info.frames < (sf_count_t)info.samplerate * SECONDS_MAX ? info.frames
									 : (sf_count_t)info.samplerate * SECONDS_MAX;
	if (frames < 0 || info.channels < 1 || info.channels > 64) {
		sf_close(f);
		return ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, item->path, "has %d channels", info.channels);
	}
	samples = malloc(((size_t)frames * (size_t)info.channels + 1) * sizeof(*samples));
	if (!samples) {
		sf_close(f);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, item->path, "no memory for its samples");
	}
	frames = sf_readf_float(f, samples, frames);
	sf_close(f);
	for (sf_count_t i = 0; info.channels > 1 && i < frames; i++) { /* the mean of all channels */
		float sum = 0;

		for (int c = 0; c < info.channels; c++)
			sum += samples[i * info.channels + c];
		samples[i] = sum / (float)info.channels;
	}
	err = ak_mfcc(samples, (size_t)frames, (uint32_t)info.samplerate, mfcc);
	free(samples);
	if (err == -EOPNOTSUPP)
		return ak_fail(diag, err, AK_RULE_DATA_FILES, item->path,
			       "this library was built without kissfft (libkissfft-dev)");
	if (err == -EINVAL)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_FILES, item->path,
			       "has %d samples a second; 16000 and its divisors can be read", info.samplerate);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, item->path, "no memory for its coefficients");
	ak_mfcc_bytes(mfcc, s->p.low, s->p.high, x);
	return 0;
}
#else
static int read_speech(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag)
{
	(void)s;
	(void)x;
	return ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_FILES, item->path,
		       "this library was built without libsndfile (libsndfile1-dev)");
}
#endif

const struct ak_set_kind ak_set_speech = {"speech", open_speech, read_speech};
