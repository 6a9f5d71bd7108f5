/* SPDX-License-Identifier: MIT */
/* Data sets in small trees that the test writes, each in its authors' form; and reading ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <jpeglib.h>
#include <png.h>
#include <sndfile.h>
#include "import/data.h"
#include "import/sets/image.h"
#include "import/sets/mfcc.h"
#include <akida/sets.h>

static char root[] = "/tmp/sets-XXXXXX";
static struct akida_diag *diag;

static int setup(void **state)
{
	(void)state;
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	diag = akida_diag_create();
	return mkdtemp(root) ? 0 : 1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	akida_diag_destroy(diag);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

/* ROOT/name, with the folders in front of it made. */
static const char *at(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(path, 0777);
		*p = '/';
	}
	return path;
}

static void write_bytes(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(at(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

/* Left half a, right half b, as grey of one colour each. */
static void halves(uint8_t *rgb, uint32_t h, uint32_t w, uint8_t a, uint8_t b)
{
	for (uint32_t i = 0; i < h * w; i++)
		memset(rgb + 3 * i, i % w < w / 2 ? a : b, 3);
}

static void write_jpeg(const char *name, uint32_t h, uint32_t w, uint8_t a, uint8_t b)
{
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr e;
	uint8_t *rgb = malloc((size_t)h * w * 3);
	FILE *f = fopen(at(name), "wb");

	assert_non_null(f);
	halves(rgb, h, w, a, b);
	c.err = jpeg_std_error(&e);
	jpeg_create_compress(&c);
	jpeg_stdio_dest(&c, f);
	c.image_width = w;
	c.image_height = h;
	c.input_components = 3;
	c.in_color_space = JCS_RGB;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, 95, TRUE);
	jpeg_start_compress(&c, TRUE);
	while (c.next_scanline < h) {
		JSAMPROW row = rgb + (size_t)c.next_scanline * w * 3;

		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	fclose(f);
	free(rgb);
}

static void write_png(const char *name, uint32_t h, uint32_t w, uint8_t a, uint8_t b)
{
	png_image p = {.version = PNG_IMAGE_VERSION, .width = w, .height = h, .format = PNG_FORMAT_RGB};
	uint8_t *rgb = malloc((size_t)h * w * 3);

	halves(rgb, h, w, a, b);
	assert_true(png_image_write_to_file(&p, at(name), 0, rgb, 0, NULL));
	free(rgb);
}

static struct akida_set *open_set(const char *kind, const struct akida_set_params *p)
{
	struct akida_set *s = NULL;
	char spec[600];
	int err;

	snprintf(spec, sizeof(spec), "%s:%s", kind, root);
	err = akida_set_open(spec, p, &s, diag);
	if (err)
		fail_msg("%s: %d", spec, err);
	return s;
}

static void refuse(const char *kind, const struct akida_set_params *p, int want)
{
	struct akida_set *s = NULL;
	char spec[600];
	int err;

	snprintf(spec, sizeof(spec), "%s:%s", kind, root);
	err = akida_set_open(spec, p, &s, diag);
	if (err != want || s)
		fail_msg("%s: %d, not %d", spec, err, want);
}

static void near(int got, int want)
{
	if (abs(got - want) > 4)
		fail_msg("%d, not %d", got, want);
}

/* Folders are classes in their names' order; what is no image is left out; wide and tall images, JPEG and PNG. */
static void test_imagenet_folders(void **state)
{
	struct akida_set_params p;
	struct akida_set_info info = {.size = sizeof(info)};
	struct akida_target t;
	struct akida_set *s;
	uint8_t x[32 * 32 * 3];

	(void)state;
	write_jpeg("val/n02/b.JPEG", 60, 100, 20, 200);
	write_png("val/n01/a.png", 100, 60, 40, 160);
	write_png("val/n01/z.png", 7, 5, 10, 250);
	write_text("val/n01/notes.txt", "no image");
	write_text("val/readme", "no folder");
	akida_set_params_init(&p);
	p.split = "val";
	p.height = p.width = 32;
	s = open_set("imagenet", &p);
	assert_int_equal(akida_set_info(s, &info), 0);
	assert_true(info.samples == 3 && info.rank == 3 && info.dims[0] == 32 && info.dims[2] == 3 &&
		    info.bytes == sizeof(x));
	assert_true(info.dtype == AKIDA_U8 && info.target == AKIDA_TARGET_CLASS && info.classes == 2);
	assert_string_equal(akida_set_class(s, 1), "n02");
	assert_null(akida_set_class(s, 2));
	for (uint64_t i = 0; i < 3; i++) {
		static const int left[] = {40, 10, 20}, right[] = {160, 250, 200};

		assert_int_equal(akida_set_read(s, i, x, &t, diag), 0);
		assert_int_equal(t.label, i == 2);
		near(x[0], left[i]);
		near(x[(31 * 32 + 2) * 3 + 1], left[i]);
		near(x[31 * 3 + 2], right[i]);
	}
	assert_int_equal(akida_set_read(s, 3, x, &t, diag), -EINVAL);
	akida_set_close(s);
	p.split = "train";
	refuse("imagenet", &p, -ENOENT);
	p.split = NULL;
	p.height = 0;
	refuse("imagenet", &p, -EINVAL);
	refuse("imagenot", NULL, -EINVAL);
}

/* Bilinear numbers worked out by hand: 2 x 1 to 4 x 1, and 4 x 1 to 2 x 1 with and without smoothing. */
static void test_resize(void **state)
{
	uint8_t two[] = {0, 0, 0, 100, 100, 100}, four[] = {0, 0, 0, 40, 40, 40, 80, 80, 80, 200, 200, 200};
	struct ak_image in = {1, 2, two}, out;

	(void)state;
	assert_int_equal(ak_image_resize(&in, 1, 4, false, &out), 0);
	assert_true(out.rgb[0] == 0 && out.rgb[3] == 25 && out.rgb[6] == 75 && out.rgb[9] == 100);
	free(out.rgb);
	in = (struct ak_image){1, 4, four};
	assert_int_equal(ak_image_resize(&in, 1, 2, false, &out), 0);
	assert_true(out.rgb[0] == 20 && out.rgb[3] == 140);
	free(out.rgb);
	/* weights 0.75 0.75 0.25 of the first three (the one outside counts as the edge: 0.25 more of the first) */
	assert_int_equal(ak_image_resize(&in, 1, 2, true, &out), 0);
	assert_int_equal(out.rgb[0], (int)((0.25 * 0 + 0.75 * 0 + 0.75 * 40 + 0.25 * 80) / 2 + 0.5));
	free(out.rgb);
}

/* Cut off anywhere, or with a byte turned: an error or an image, never a crash; and a text that is none. */
static void test_damaged_images(void **state)
{
	static uint8_t bytes[20000];
	uint32_t refused = 0;
	struct ak_image m;
	size_t n;
	FILE *f;

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		if (kind)
			write_png("good", 24, 20, 5, 90);
		else
			write_jpeg("good", 24, 20, 5, 90);
		f = fopen(at("good"), "rb");
		n = fread(bytes, 1, sizeof(bytes), f);
		fclose(f);
		assert_int_equal(ak_image_load(at("good"), &m, diag), 0);
		assert_true(m.h == 24 && m.w == 20);
		free(m.rgb);
		/* PNG: without its last chunk, which says that it ends, the image is whole */
		for (size_t cut = 0; cut < n - (kind ? 16 : 0); cut += 1 + n / 60) {
			write_bytes("bad", bytes, cut);
			assert_true(ak_image_load(at("bad"), &m, diag) < 0);
		}
		for (size_t k = 0; k < n; k += 1 + n / 150) {
			bytes[k] ^= 0x55;
			write_bytes("bad", bytes, n);
			if (ak_image_load(at("bad"), &m, diag))
				refused++;
			else
				free(m.rgb);
			bytes[k] ^= 0x55;
		}
	}
	assert_true(refused > 20);
	write_text("bad", "P3 1 1 255");
	assert_int_equal(ak_image_load(at("bad"), &m, diag), -EOPNOTSUPP);
	assert_int_equal(ak_image_load(at("none"), &m, diag), -ENOENT);
}

static void test_utkface_names(void **state)
{
	struct akida_target t;
	struct akida_set *s;
	uint8_t x[32 * 32 * 3];

	(void)state;
	write_jpeg("26_0_1_20170116174525125.jpg.chip.jpg", 40, 40, 70, 70);
	write_jpeg("7_1_2_20170116174525125.jpg", 40, 40, 70, 70);
	write_jpeg("39_1_20170116174525125.jpg", 40, 40, 70, 70); /* lacks a field, as a few published ones do */
	write_jpeg("portrait.jpg", 40, 40, 70, 70);
	s = open_set("utkface", NULL);
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), 0);
	assert_true(t.value == 26);
	assert_int_equal(akida_set_read(s, 1, x, &t, diag), 0);
	assert_true(t.value == 7);
	assert_int_equal(akida_set_read(s, 2, x, &t, diag), -EINVAL);
	near(x[600], 70);
	akida_set_close(s);
}

static const char annotation[] =
	"<annotation><size><width>200</width><height>100</height><depth>3</depth></size>"
	"<object><name>dog</name><difficult>0</difficult><bndbox><xmin>21</xmin><ymin>11</ymin><xmax>120</"
	"xmax><ymax>60</ymax>"
	"</bndbox></object><object><name>person</name><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</"
	"ymin><xmax>2</xmax>"
	"<ymax>2</ymax></bndbox></part><difficult>1</difficult><bndbox><xmax>200</xmax><xmin>101</xmin><ymin>1</ymin>"
	"<ymax>100</ymax></bndbox></object></annotation>";

static void test_voc(void **state)
{
	struct akida_set_params p;
	struct akida_target t;
	struct akida_set *s;
	uint8_t x[16 * 16 * 3];

	(void)state;
	write_jpeg("JPEGImages/000001.jpg", 100, 200, 30, 220);
	write_jpeg("JPEGImages/000002.jpg", 100, 200, 30, 220);
	write_text("Annotations/000001.xml", annotation);
	write_text("Annotations/000002.xml",
		   "<annotation><size><width>9</width><height>9</height></size></annotation>");
	write_text("ImageSets/Main/trainval.txt", "000001\n000002\n");
	write_text("ImageSets/Main/dog_test.txt", "000001  1\n");
	akida_set_params_init(&p);
	p.height = p.width = 16;
	p.split = "trainval";
	s = open_set("voc", &p);
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), 0);
	assert_int_equal(t.box_count, 2);
	assert_string_equal(akida_set_class(s, (uint32_t)t.boxes[0].label), "dog");
	assert_int_equal(t.boxes[0].label, 11);
	assert_true(fabsf(t.boxes[0].x0 - 0.1f) < 1e-6f && fabsf(t.boxes[0].y0 - 0.1f) < 1e-6f &&
		    fabsf(t.boxes[0].x1 - 0.6f) < 1e-6f && fabsf(t.boxes[0].y1 - 0.6f) < 1e-6f &&
		    !t.boxes[0].difficult);
	assert_true(t.boxes[1].label == 14 && t.boxes[1].difficult && t.boxes[1].x0 == 0.5f && t.boxes[1].x1 == 1);
	near(x[0], 30);
	near(x[15 * 3], 220);
	assert_int_equal(akida_set_read(s, 1, x, &t, diag), 0);
	assert_int_equal(t.box_count, 0);
	akida_set_close(s);
	p.split = "dog_test";
	s = open_set("voc", &p);
	assert_int_equal(akida_set_read(s, 1, x, &t, diag), -EINVAL);
	akida_set_close(s);
	write_text("Annotations/000002.xml", "<annotation><object><name>cat</name></object></annotation>");
	refuse("voc", NULL, -EILSEQ);
	write_text("Annotations/000002.xml", "<annotation><size>");
	refuse("voc", NULL, -EILSEQ);
	p.split = "none";
	refuse("voc", &p, -ENOENT);
}

static void test_coco(void **state)
{
	static const char good[] =
		"{\"images\":[{\"id\":9,\"width\":200,\"height\":100,\"file_name\":\"b.jpg\"},"
		"{\"id\":2,\"width\":40,\"height\":40,\"file_name\":\"a.jpg\"}],"
		"\"categories\":[{\"id\":44,\"name\":\"bottle\"},{\"id\":1,\"name\":\"person\"}],"
		"\"annotations\":[{\"image_id\":9,\"category_id\":44,\"bbox\":[20,10,100,50],\"iscrowd\":0},"
		"{\"image_id\":9,\"category_id\":1,\"bbox\":[100,0,100,100],\"iscrowd\":1}]}";
	static const char *const bad[] = {
		"{",
		"[]",
		"{\"images\":[],\"categories\":[],\"annotations\":3}",
		"{\"images\":[{\"id\":1,\"width\":0,\"height\":1,\"file_name\":\"a\"}],\"categories\":[],"
		"\"annotations\":[]}",
		"{\"images\":[{\"id\":1,\"width\":2,\"height\":1,\"file_name\":\"../"
		"a\"}],\"categories\":[],\"annotations\":[]}",
		"{\"images\":[{\"id\":1,\"width\":2,\"height\":1,\"file_name\":\"a\"}],\"categories\":[],"
		"\"annotations\":[{\"image_id\":1,\"category_id\":3,\"bbox\":[0,0,1,1]}]}",
		"{\"images\":[{\"id\":1,\"width\":2,\"height\":1,\"file_name\":\"a\"}],\"categories\":[{\"id\":3,"
		"\"name\":\"x\"}],"
		"\"annotations\":[{\"image_id\":1,\"category_id\":3,\"bbox\":[0,0,1]}]}",
	};
	struct akida_target t;
	struct akida_set *s;
	char spec[1200];
	static uint8_t x[224 * 224 * 3];

	(void)state;
	write_jpeg("val/a.jpg", 40, 40, 1, 1);
	write_jpeg("val/b.jpg", 100, 200, 90, 90);
	write_text("instances.json", good);
	snprintf(spec, sizeof(spec), "coco:%s/instances.json,%s/val", root, root);
	assert_int_equal(akida_set_open(spec, NULL, &s, diag), 0);
	assert_string_equal(akida_set_class(s, 0), "person");
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), 0);
	assert_int_equal(t.box_count, 0);
	assert_int_equal(akida_set_read(s, 1, x, &t, diag), 0);
	assert_int_equal(t.box_count, 2);
	for (uint32_t i = 0; i < 2; i++)
		if (t.boxes[i].label)
			assert_true(fabsf(t.boxes[i].x0 - 0.1f) < 1e-6f && fabsf(t.boxes[i].y1 - 0.6f) < 1e-6f);
		else
			assert_true(t.boxes[i].difficult && t.boxes[i].x0 == 0.5f && t.boxes[i].y1 == 1);
	near(x[5000], 90);
	akida_set_close(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int err;

		write_text("instances.json", bad[i]);
		err = akida_set_open(spec, NULL, &s, diag);
		if (err != -EILSEQ)
			fail_msg("%s: %d", bad[i], err);
	}
	refuse("coco", NULL, -EINVAL); /* without the folder */
}

static void write_wav(const char *name, int rate, double hertz, double seconds)
{
	SF_INFO info = {.samplerate = rate, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *f = sf_open(at(name), SFM_WRITE, &info);

	assert_non_null(f);
	for (int i = 0; i < (int)(seconds * rate); i++) {
		float v = (float)(0.5 * sin(2 * 3.14159265358979 * hertz * i / rate));

		assert_int_equal(sf_write_float(f, &v, 1), 1);
	}
	sf_close(f);
}

/* Words are folders, the lists tell the split, noise is no word; a tone gives the same features at both rates. */
static void test_speech_commands(void **state)
{
	static const struct {
		const char *split;
		uint64_t samples;
	} parts[] = {{"train", 2}, {"val", 1}, {"test", 1}, {NULL, 4}};
	uint8_t at16[490], at8[490], other[490];
	struct akida_set_params p;
	struct akida_target t;
	struct akida_set *s;
	int differ = 0;

	(void)state;
	write_wav("_background_noise_/rain.wav", 16000, 50, 3);
	write_wav("no/a_nohash_0.wav", 16000, 440, 0.7);
	write_wav("yes/a_nohash_0.wav", 16000, 1000, 1);
	write_wav("yes/b_nohash_0.wav", 8000, 1000, 1);
	write_wav("yes/c_nohash_1.wav", 16000, 1000, 1.5);
	write_text("testing_list.txt", "yes/c_nohash_1.wav\n");
	write_text("validation_list.txt", "no/a_nohash_0.wav\r\n");
	akida_set_params_init(&p);
	for (size_t i = 0; i < 4; i++) {
		struct akida_set_info info = {.size = sizeof(info)};

		p.split = parts[i].split;
		s = open_set("speech", &p);
		akida_set_info(s, &info);
		assert_true(info.samples == parts[i].samples && info.classes == 2 && info.bytes == 490);
		if (i < 3)
			akida_set_close(s);
	}
	assert_int_equal(akida_set_read(s, 0, other, &t, diag), 0);
	assert_int_equal(t.label, 0);
	assert_int_equal(akida_set_read(s, 1, at16, &t, diag), 0);
	assert_int_equal(t.label, 1);
	assert_int_equal(akida_set_read(s, 2, at8, &t, diag), 0);
	for (int f = 2; f < 45; f++)
		for (int c = 0; c < 10; c++) {
			/* above 4 kHz there is nothing in either; the bands' floors differ a little */
			differ = abs(at16[f * 10 + c] - at8[f * 10 + c]) > differ
					 ? abs(at16[f * 10 + c] - at8[f * 10 + c])
					 : differ;
		}
	assert_true(differ < 60);
	assert_true(memcmp(at16, other, 490) != 0);
	akida_set_close(s);
	write_wav("yes/c_nohash_1.wav", 11025, 1000, 1);
	p.split = "test";
	s = open_set("speech", &p);
	assert_int_equal(akida_set_read(s, 0, other, &t, diag), -EOPNOTSUPP);
	write_text("yes/c_nohash_1.wav", "RIFF no sound");
	assert_int_equal(akida_set_read(s, 0, other, &t, diag), -EILSEQ);
	akida_set_close(s);
	p.split = "dev";
	refuse("speech", &p, -EINVAL);
}

/* The features that were computed for the project by other programs, from the same recordings: at most 1 of 255 off. */
static void test_mfcc_equals_the_stored_features(void **state)
{
	const char *shared = getenv("AKIDA_SHARED");
	struct akida_array x = {0}, y = {0}, speaker = {0}, take = {0};
	static const char *const names[] = {"george", "jackson", "lucas", "nicolas", "theo"};
	char path[600], wav[1200];
	int compared = 0, worst = 0, off = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/data/kws_fsdd/features_test.npz", shared ? shared : "../shared");
	if (access(path, R_OK)) {
		print_message("no %s\n", path);
		skip();
	}
	assert_int_equal(ak_npz_load(path, "x", false, &x, diag), 0);
	assert_int_equal(ak_npz_load(path, "y", false, &y, diag), 0);
	assert_int_equal(ak_npz_load(path, "speaker", false, &speaker, diag), 0);
	assert_int_equal(ak_npz_load(path, "index", false, &take, diag), 0);
	for (size_t i = 0; i < x.dims[0]; i++) {
		struct akida_set_params p;
		struct akida_set *s;
		uint8_t got[490];
		char link[64];

		if (((uint8_t *)take.data)[i])
			continue;
		snprintf(wav, sizeof(wav), "%s/data/kws_fsdd/wav/%d_%s_0.wav", shared ? shared : "../shared",
			 ((uint8_t *)y.data)[i], names[((uint8_t *)speaker.data)[i]]);
		snprintf(link, sizeof(link), "t%zu/word/a.wav", i);
		at(link);
		if (wav[0] != '/') {
			char *whole = realpath(wav, NULL);

			assert_non_null(whole);
			snprintf(wav, sizeof(wav), "%s", whole);
			free(whole);
		}
		assert_int_equal(symlink(wav, at(link)), 0);
		akida_set_params_init(&p);
		p.low = -123.5697f;
		p.high = 13.6228f;
		snprintf(path, sizeof(path), "speech:%s/t%zu", root, i);
		assert_int_equal(akida_set_open(path, &p, &s, diag), 0);
		assert_int_equal(akida_set_read(s, 0, got, NULL, diag), 0);
		for (int k = 0; k < 490; k++) {
			int d = abs(got[k] - ((uint8_t *)x.data)[i * 490 + (size_t)k]);

			worst = d > worst ? d : worst;
			off += d > 0;
		}
		compared++;
		akida_set_close(s);
	}
	print_message("%d recordings, %d of %d values differ, by %d at most\n", compared, off, compared * 490, worst);
	assert_int_equal(compared, 50);
	assert_true(worst <= 1 && off < compared * 490 / 100);
	akida_array_fini(&x);
	akida_array_fini(&y);
	akida_array_fini(&speaker);
	akida_array_fini(&take);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* One packet: events at microseconds at[i], pixel (x, y), polarity on. */
static size_t packet(uint8_t *out, uint32_t n, const uint32_t (*e)[4], uint32_t overflow)
{
	memset(out, 0, 28);
	put32(out, 1); /* polarity, source 0 */
	put32(out + 4, 8);
	put32(out + 8, 4);
	put32(out + 12, overflow);
	put32(out + 16, n);
	put32(out + 20, n);
	put32(out + 24, n);
	for (uint32_t i = 0; i < n; i++) {
		put32(out + 28 + 8 * i, e[i][1] << 17 | e[i][2] << 2 | e[i][3] << 1 | 1);
		put32(out + 28 + 8 * i + 4, e[i][0]);
	}
	return 28 + 8 * (size_t)n;
}

static void test_aedat_gestures(void **state)
{
	static const uint32_t first[][4] = {{500, 0, 0, 1}, {1000, 10, 20, 1}, {1500, 11, 20, 0}, {40999, 127, 127, 1}},
			      second[][4] = {{41000, 64, 2, 0}, {90000, 5, 5, 1}, {91000, 300, 5, 1}};
	static const char head[] = "#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n";
	uint8_t bytes[400];
	struct akida_set_params p;
	struct akida_target t;
	struct akida_set *s;
	static int8_t x[64 * 64 * 4];
	size_t n = strlen(head), lit = 0;

	(void)state;
	memcpy(bytes, head, n);
	n += packet(bytes + n, 4, first, 0);
	n += packet(bytes + n, 3, second, 0);
	write_bytes("user01_led.aedat", bytes, n);
	write_text("user01_led_labels.csv", "class,startTime_usec,endTime_usec\n2,1000,60000\n11,90000,90500\n");
	write_text("trials_to_train.txt", "user01_led.aedat\n");
	akida_set_params_init(&p);
	p.split = "train";
	p.frame_ms = 40;
	p.frames = 2;
	s = open_set("dvs", &p);
	assert_string_equal(akida_set_class(s, 1), "right_hand_wave");
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), 0);
	assert_int_equal(t.label, 1);
	for (size_t i = 0; i < sizeof(x); i++)
		lit += x[i] != 0;
	assert_int_equal(lit, 4);
	/* halved; frame 0 has channels OFF, ON; then frame 1 */
	assert_true(x[(10 * 64 + 5) * 4 + 1] && x[(10 * 64 + 5) * 4 + 0] && x[(63 * 64 + 63) * 4 + 1] &&
		    x[(1 * 64 + 32) * 4 + 2]);
	assert_int_equal(akida_set_read(s, 1, x, &t, diag), 0); /* ends after half a millisecond */
	assert_int_equal(t.label, 10);
	assert_true(x[(2 * 64 + 2) * 4 + 1] && !x[(2 * 64 + 2) * 4 + 3]);
	akida_set_close(s);
	/* every cut is an error, except where a packet ends */
	s = open_set("dvs", &p);
	for (size_t cut = strlen(head) + 1; cut < n; cut++) {
		int err;

		write_bytes("user01_led.aedat", bytes, cut);
		err = akida_set_read(s, 1, x, &t, diag);
		if (err != (cut == strlen(head) + 60 ? 0 : -EILSEQ))
			fail_msg("cut at %zu: %d", cut, err);
	}
	put32(bytes + strlen(head) + 4, 0x7fffffff);
	write_bytes("user01_led.aedat", bytes, n);
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), -EILSEQ);
	akida_set_close(s);
	write_text("user01_led_labels.csv", "class,startTime_usec,endTime_usec\n12,0,5\n");
	refuse("dvs", &p, -EILSEQ);
	p.split = "test";
	refuse("dvs", &p, -ENOENT);
}

static void test_nmnist_events(void **state)
{
	static const uint8_t events[] = {3, 4, 0x80, 0, 10, 33, 0, 0x00, 0x03, 0xe8, 33, 33, 0x81, 0x86, 0xa0};
	struct akida_set_params p;
	struct akida_target t;
	struct akida_set *s;
	int8_t x[34 * 34 * 4];
	int lit = 0;

	(void)state;
	write_bytes("Train/5/00001.bin", events, sizeof(events));
	write_bytes("Train/0/00002.bin", events, 7);
	akida_set_params_init(&p);
	p.split = "Train";
	p.frame_ms = 60;
	p.frames = 2;
	s = open_set("dvs", &p);
	assert_int_equal(akida_set_read(s, 1, x, &t, diag), 0);
	assert_int_equal(t.label, 1);
	for (size_t i = 0; i < sizeof(x); i++)
		lit += x[i];
	assert_int_equal(lit, 3);
	assert_true(x[(4 * 34 + 3) * 4 + 1] && x[(0 * 34 + 33) * 4 + 0] &&
		    x[(33 * 34 + 33) * 4 + 3]); /* 100 ms: frame 1 */
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), -EILSEQ);
	akida_set_close(s);
}

/* A square of two areas: three quarters of the points lie on the larger part. All at distance 1 at most, one at 1. */
static void test_modelnet_meshes(void **state)
{
	static const char *const bad[] = {"",
					  "PLY",
					  "OFF",
					  "OFF 3 1 0\n0 0 0 1 0 0 0 1\n3 0 1 2\n",
					  "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n",
					  "OFF\n3 1 0\n0 0 0\n1 0 nan\n0 1 0\n3 0 1 2\n",
					  "OFF\n3 1 0\n0 0 0\n0 0 0\n0 0 0\n3 0 1 2\n",
					  "OFF\n99999999 1 0\n"};
	struct akida_set_params p;
	struct akida_target t;
	struct akida_set *s;
	float x[2000][3], again[2000][3], largest = 0;
	int right = 0;

	(void)state;
	write_text("chair/test/chair_0890.off",
		   "OFF\n# two quads\n6 2 0\n0 0 0\n1 0 0\n4 0 0\n0 1 0\n1 1 0\n4 1 0\n4 0 1 4 3\n4 1 2 5 4\n");
	write_text("airplane/train/airplane_0001.off", "OFF3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n");
	akida_set_params_init(&p);
	p.points = 2000;
	p.split = "test";
	s = open_set("modelnet40", &p);
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), 0);
	assert_int_equal(akida_set_read(s, 0, again, &t, diag), 0);
	assert_memory_equal(x, again, sizeof(x));
	assert_int_equal(t.label, 1);
	for (int i = 0; i < 2000; i++) {
		float d = sqrtf(x[i][0] * x[i][0] + x[i][1] * x[i][1] + x[i][2] * x[i][2]);

		assert_true(d <= 1.00001f && x[i][2] == 0 && x[i][0] >= 0 && x[i][1] >= 0);
		largest = d > largest ? d : largest;
	}
	assert_true(fabsf(largest - 1) < 1e-5f);
	for (int i = 0; i < 2000; i++)
		right += x[i][0] * 4.1231f > 1.02f;
	assert_true(right > 1400 && right < 1600);
	akida_set_close(s);
	p.split = "train";
	s = open_set("modelnet40", &p);
	assert_int_equal(akida_set_read(s, 0, x, &t, diag), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_text("airplane/train/airplane_0001.off", bad[i]);
		if (akida_set_read(s, 0, x, &t, diag) != -EILSEQ)
			fail_msg("'%s' is taken", bad[i]);
	}
	akida_set_close(s);
}

/* 40 images whose colour is their number: order, slots and threads. */
static void numbered(void)
{
	char name[64];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "c%d/%03d.png", i % 4, i);
		write_png(name, 8, 8, (uint8_t)(6 * i), (uint8_t)(6 * i));
	}
}

static void collect(struct akida_set *s, uint64_t epoch, uint32_t n, uint8_t *order)
{
	struct akida_target t[7];
	uint8_t x[7 * 48];
	int64_t got, done = 0;

	assert_int_equal(akida_set_start(s, epoch, diag), 0);
	while ((got = akida_set_next(s, n, x, t, diag)) > 0)
		for (int64_t i = 0; i < got; i++) {
			order[done] = (uint8_t)(x[i * 48] / 6);
			assert_int_equal(t[i].label, order[done] % 4);
			done++;
		}
	assert_int_equal(got, 0);
	assert_int_equal(done, 40);
}

static void test_reading_ahead_keeps_the_order(void **state)
{
	uint8_t plain[40], first[40], order[40], seen[40] = {0};
	struct akida_set_params p;
	struct akida_set *s;

	(void)state;
	numbered();
	akida_set_params_init(&p);
	p.height = p.width = 4;
	s = open_set("imagenet", &p);
	collect(s, 0, 7, plain);
	for (int i = 0; i < 40; i++)
		assert_int_equal(plain[i], i % 10 * 4 + i / 10); /* class by class */
	akida_set_close(s);
	p.shuffle = true;
	p.seed = 5;
	for (uint32_t threads = 1; threads <= 8; threads *= 2)
		for (uint32_t ahead = 1; ahead <= 64; ahead *= 4) {
			p.threads = threads;
			p.ahead = ahead;
			s = open_set("imagenet", &p);
			collect(s, 3, 1 + ahead % 7, order);
			if (threads == 1 && ahead == 1)
				memcpy(first, order, sizeof(first));
			assert_memory_equal(order, first, sizeof(order));
			collect(s, 4, 7, order); /* another epoch, another order */
			assert_memory_not_equal(order, first, sizeof(order));
			assert_int_equal(akida_set_start(s, 0, diag), 0); /* closed in the middle of an epoch */
			akida_set_close(s);
		}
	for (int i = 0; i < 40; i++)
		seen[first[i]]++;
	for (int i = 0; i < 40; i++)
		assert_int_equal(seen[i], 1);
}

static void test_a_damaged_file_ends_the_epoch(void **state)
{
	struct akida_set_params p;
	struct akida_set *s;
	uint8_t x[7 * 48];
	int64_t got, done = 0;

	(void)state;
	numbered();
	write_text("c2/018.png", "no image"); /* the fifth of the third class */
	akida_set_params_init(&p);
	p.height = p.width = 4;
	p.ahead = 3;
	s = open_set("imagenet", &p);
	assert_int_equal(akida_set_next(s, 7, x, NULL, diag), -EINVAL); /* not started */
	assert_int_equal(akida_set_start(s, 0, diag), 0);
	while ((got = akida_set_next(s, 7, x, NULL, diag)) > 0)
		done += got;
	assert_int_equal(got, -EOPNOTSUPP);
	assert_int_equal(done, 24);
	assert_non_null(strstr(akida_diag_get(diag, akida_diag_count(diag) - 1)->text, "018.png"));
	akida_set_close(s);
}

static void test_specs_of_the_command_line(void **state)
{
	struct akida_dataset d;
	char spec[600];

	(void)state;
	numbered();
	snprintf(spec, sizeof(spec), "imagenet:%s,size=4,limit=11", root);
	assert_int_equal(ak_data_load(spec, &d, diag), 0);
	assert_true(d.x.dims[0] == 11 && d.x.dims[1] == 4 && d.x.dims[3] == 3 && d.classes == 4);
	assert_int_equal(((int32_t *)d.y.data)[10], 1);
	akida_dataset_fini(&d);
	for (size_t i = 0; i < 4; i++) {
		static const char *const wrong[] = {"color=1", "size=x", "size=0", "split="};

		snprintf(spec, sizeof(spec), "imagenet:%s,%s", root, wrong[i]);
		assert_int_equal(ak_data_load(spec, &d, diag), -EINVAL);
	}
	write_jpeg("faces/5_0_0_1.jpg", 8, 8, 1, 1);
	snprintf(spec, sizeof(spec), "utkface:%s/faces", root);
	assert_int_equal(ak_data_load(spec, &d, diag), -EOPNOTSUPP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_imagenet_folders),
		TEST(test_resize),
		TEST(test_damaged_images),
		TEST(test_utkface_names),
		TEST(test_voc),
		TEST(test_coco),
		TEST(test_speech_commands),
		TEST(test_mfcc_equals_the_stored_features),
		TEST(test_aedat_gestures),
		TEST(test_nmnist_events),
		TEST(test_modelnet_meshes),
		TEST(test_reading_ahead_keeps_the_order),
		TEST(test_a_damaged_file_ends_the_epoch),
		TEST(test_specs_of_the_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
