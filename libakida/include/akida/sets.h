/* SPDX-License-Identifier: MIT */
/*
 * Data sets in the files and folders their authors publish, read sample by sample and ahead of their use. Nothing is downloaded:
 * what belongs where is in docs/data-sets.md.
 */
#ifndef AKIDA_SETS_H
#define AKIDA_SETS_H

#include <stdbool.h>
#include "data.h"

struct akida_set;

enum akida_target_kind {
	AKIDA_TARGET_CLASS, /* label */
	AKIDA_TARGET_VALUE, /* value: an age */
	AKIDA_TARGET_BOXES, /* boxes with classes */
};
/* Corners as shares of the image, 0 to 1, x to the right and y down; class from 0. */
struct akida_box {
	float x0, y0, x1, y1;
	int32_t label;
	bool difficult; /* VOC's difficult, COCO's iscrowd */
};
/* Of one sample. boxes: borrowed from the set. */
struct akida_target {
	int32_t label;
	float value;
	const struct akida_box *boxes;
	uint32_t box_count;
};

/* Fill with akida_set_params_init, then change. Zero: the kind's default. */
struct akida_set_params {
	uint32_t size;
	const char *split;	/* "train", "val", "test": which part; NULL: all there is */
	uint32_t height, width; /* of images: scaled to cover it, middle cut out (boxes: scaled to fill it) */
	uint32_t frame_ms;	/* of events: so long a frame, 60 */
	uint32_t frames;	/* of events: frames a sample, each with two channels, 5 */
	uint32_t points;	/* of meshes: on the surface, 1024 */
	float low, high;	/* of speech: coefficients that become 0 and 255, -51.4311 and 14.2340 */
	uint32_t threads;	/* that read ahead, 2 */
	uint32_t ahead;		/* samples they may be ahead, 64 */
	bool shuffle;		/* another order for each epoch, by seed */
	uint64_t seed;
};
AKIDA_API void akida_set_params_init(struct akida_set_params *p);

/*
 * spec, KIND:PATH:
 *   imagenet:DIR   a folder per class of .jpg, .jpeg and .png; DIR/train and DIR/val where split says so      uint8 (h, w, 3)
 *   utkface:DIR    AGE_GENDER_RACE_DATE.jpg; the target is the age                                            uint8 (h, w, 3)
 *   voc:DIR        JPEGImages, Annotations/NAME.xml, ImageSets/Main/SPLIT.txt                                 uint8 (h, w, 3)
 *   coco:FILE.json,DIR   instances_*.json and the folder of its images                                        uint8 (h, w, 3)
 *   speech:DIR     a folder per word of .wav, testing_list.txt, validation_list.txt; MFCC                     uint8 (49, 10, 1)
 *   dvs:DIR        a folder per class of .aedat (3.1), .bs2 or .bin (N-MNIST) recordings                      int8 (h, w, 2 * frames)
 *   modelnet40:DIR a folder per class with train and test, of .off meshes; points on their surface          float32 (points, 3)
 * The index is read now, samples later. Classes are in alphabetical order (VOC: in the order of its authors, COCO: by their
 * numbers). *out is closed by akida_set_close. -ENOENT, -EIO: folders and files; -EILSEQ: an index that is malformed; -EOPNOTSUPP: the
 * kind needs a library that was not there at build (named); -EINVAL: an unknown kind, or a parameter that the kind does not have.
 */
AKIDA_API int akida_set_open(const char *spec, const struct akida_set_params *p, struct akida_set **out,
			     struct akida_diag *diag);
AKIDA_API void akida_set_close(struct akida_set *s);

struct akida_set_info {
	uint32_t size;
	uint64_t samples;
	uint32_t rank;
	size_t dims[4]; /* of a sample */
	size_t bytes;
	enum akida_dtype dtype;
	enum akida_target_kind target;
	uint32_t classes;
};
AKIDA_API int akida_set_info(const struct akida_set *s, struct akida_set_info *info);
/* Name of class i, NULL beyond the last. */
AKIDA_API const char *akida_set_class(const struct akida_set *s, uint32_t i);
/* Sample i into x (info.bytes); t may be NULL. Thread safe. -EILSEQ: a damaged file, named; codes of open. */
AKIDA_API int akida_set_read(const struct akida_set *s, uint64_t i, void *x, struct akida_target *t,
			     struct akida_diag *diag);
/*
 * Streaming: start sets the epoch's order (shuffled or not) and lets the threads read ahead; next hands out up to n samples in
 * that order, whatever the number of threads, and returns how many; 0 at the end of the epoch. A file that cannot be read ends it
 * with its error. One caller at a time.
 */
AKIDA_API int akida_set_start(struct akida_set *s, uint64_t epoch, struct akida_diag *diag);
AKIDA_API int64_t akida_set_next(struct akida_set *s, uint32_t n, void *x, struct akida_target *t,
				 struct akida_diag *diag);
/* All samples, or the first limit ones, as a data set; labels, where the target is a class. -ENOMEM. */
AKIDA_API int akida_set_load(struct akida_set *s, uint64_t limit, struct akida_dataset *out, struct akida_diag *diag);

#endif
