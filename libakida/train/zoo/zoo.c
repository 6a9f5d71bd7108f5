/* SPDX-License-Identifier: MIT */
/* The networks of the model zoo by name: their options, initial weights, weights of a base. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "train/random.h"
#include "train/zoo/block.h"

static const uint32_t imagenet_sizes[] = {32, 64, 96, 128, 160, 192, 224, 0};
static const uint32_t centernet_sizes[] = {224, 384, 0};

/* How kernels of some layers are drawn, where not Glorot uniform. */
struct draw {
	const char *layer; /* beginning of the name */
	bool he;	   /* He normal; else normal of this deviation, bias included */
	float deviation;
	float bias;
};

struct network {
	const char *name, *help;
	void (*build)(struct ak_zoo *z);
	bool v1, v2;
	uint32_t options;
	struct akida_zoo_params defaults;
	const uint32_t *sizes;
	struct draw draw[2];
};

#define SIZED (AKIDA_ZOO_CLASSES | AKIDA_ZOO_IMAGE_SIZE | AKIDA_ZOO_ALPHA)

static const struct network networks[] = {
	{"vgg_utk_face", "age of a face", ak_zoo_vgg_utk_face, true, true, 0, {.image_size = 32}, NULL, {{0}}},
	{"convtiny_dvs_handy",
	 "hand gestures of an event camera",
	 ak_zoo_convtiny_handy,
	 true,
	 true,
	 0,
	 {.classes = 9},
	 NULL,
	 {{0}}},
	{"convtiny_dvs_gesture",
	 "body gestures of an event camera",
	 ak_zoo_convtiny_gesture,
	 true,
	 true,
	 0,
	 {.classes = 10},
	 NULL,
	 {{0}}},
	{"ds_cnn_kws",
	 "spoken keywords",
	 ak_zoo_ds_cnn_kws,
	 true,
	 true,
	 AKIDA_ZOO_CLASSES,
	 {.classes = 33},
	 NULL,
	 {{0}}},
	{"gxnor_mnist", "digits", ak_zoo_gxnor_mnist, true, true, 0, {.classes = 10}, NULL, {{0}}},
	{"tenn_spatiotemporal_dvs128",
	 "gestures of an event camera, over time",
	 ak_zoo_tenn_dvs128,
	 false,
	 true,
	 0,
	 {.classes = 10},
	 NULL,
	 {{0}}},
	{"tenn_spatiotemporal_jester",
	 "hand gestures of a camera, over time",
	 ak_zoo_tenn_jester,
	 false,
	 true,
	 0,
	 {.classes = 27},
	 NULL,
	 {{0}}},
	{"mobilenet_imagenet",
	 "images",
	 ak_zoo_mobilenet,
	 true,
	 true,
	 SIZED,
	 {.classes = 1000, .image_size = 224, .alpha = 1},
	 imagenet_sizes,
	 {{0}}},
	{"akidanet_imagenet",
	 "images",
	 ak_zoo_akidanet,
	 true,
	 true,
	 SIZED,
	 {.classes = 1000, .image_size = 224, .alpha = 1},
	 imagenet_sizes,
	 {{0}}},
	{"akidanet18_imagenet",
	 "images",
	 ak_zoo_akidanet18,
	 false,
	 true,
	 AKIDA_ZOO_CLASSES | AKIDA_ZOO_IMAGE_SIZE,
	 {.classes = 1000, .image_size = 224},
	 imagenet_sizes,
	 {{"classifier", .he = true}}},
	{"akidanet_edge_imagenet",
	 "images, classes learned on the chip; on a trained AkidaNet",
	 ak_zoo_akidanet_edge,
	 true,
	 true,
	 AKIDA_ZOO_CLASSES | AKIDA_ZOO_BASE,
	 {.classes = 1000, .base_layer = "classifier"},
	 NULL,
	 {{0}}},
	{"pointnet_plus_modelnet40",
	 "point clouds",
	 ak_zoo_pointnet,
	 true,
	 true,
	 AKIDA_ZOO_ALPHA,
	 {.classes = 40, .alpha = 1},
	 NULL,
	 {{0}}},
	{"yolo_base",
	 "boxes around objects",
	 ak_zoo_yolo,
	 true,
	 true,
	 AKIDA_ZOO_CLASSES | AKIDA_ZOO_ALPHA | AKIDA_ZOO_ANCHORS | AKIDA_ZOO_BASE,
	 {.classes = 1, .image_size = 224, .alpha = 0.5f, .anchors = 5},
	 NULL,
	 {{"detection_layer", .deviation = 0.1f / 49}, {"pw_detection_layer", .deviation = 0.1f / 49}}},
	{"akida_unet_portrait128",
	 "which pixels are a person",
	 ak_zoo_unet,
	 false,
	 true,
	 AKIDA_ZOO_BASE,
	 {.image_size = 128, .alpha = 0.5f},
	 NULL,
	 {{"pw_sepconv_t", .he = true}, {"dw_sepconv_t", .he = true}}},
	{"centernet",
	 "centres and sizes of objects",
	 ak_zoo_centernet,
	 false,
	 true,
	 AKIDA_ZOO_CLASSES | AKIDA_ZOO_IMAGE_SIZE | AKIDA_ZOO_BASE,
	 {.classes = 20, .image_size = 384},
	 centernet_sizes,
	 {{"head_conv_2", .deviation = 0.001f, .bias = -2.1972246f /* -ln 9 */}}},
	{"tenn_spatiotemporal_eye",
	 "where a pupil is, over time",
	 ak_zoo_tenn_eye,
	 false,
	 true,
	 0,
	 {.classes = 3},
	 NULL,
	 {{0}}},
};
#define NETWORKS (sizeof(networks) / sizeof(networks[0]))

int akida_zoo_network(uint32_t i, struct akida_zoo_info *info)
{
	struct akida_zoo_info all;

	if (i >= NETWORKS)
		return -ENOENT;
	all = (struct akida_zoo_info){
		.name = networks[i].name,
		.help = networks[i].help,
		.v1 = networks[i].v1,
		.v2 = networks[i].v2,
		.options = networks[i].options,
		.defaults = networks[i].defaults,
		.image_sizes = networks[i].sizes,
	};
	all.size = info->size;
	memcpy(info, &all, info->size < sizeof(all) ? info->size : sizeof(all));
	return 0;
}

static int bad_option(struct akida_diag *diag, const char *network, const char *fmt, double value, const char *remedy)
{
	ak_fail(diag, -EINVAL, AK_RULE_ZOO_OPTION, network, fmt, value);
	ak_remedy(diag, "%s", remedy);
	return -EINVAL;
}

static bool has_size(const uint32_t *sizes, uint32_t size)
{
	for (; *sizes; sizes++)
		if (*sizes == size)
			return true;
	return false;
}

/* The parameters with defaults filled in. */
static int params_of(const struct network *n, const struct akida_zoo_params *in, struct akida_zoo_params *p,
		     struct akida_diag *diag)
{
	struct akida_zoo_params d = n->defaults, given = {0};

	if (in)
		memcpy(&given, in, in->size < sizeof(given) ? in->size : sizeof(given));
	*p = given;
	p->size = sizeof(*p);
	if (!(n->options & AKIDA_ZOO_CLASSES) && given.classes)
		return bad_option(diag, n->name, "has no choice of classes (%g)", given.classes, "leave it out");
	if (!(n->options & AKIDA_ZOO_IMAGE_SIZE) && given.image_size)
		return bad_option(diag, n->name, "has no choice of image size (%g)", given.image_size, "leave it out");
	if (!(n->options & AKIDA_ZOO_ALPHA) && given.alpha != 0)
		return bad_option(diag, n->name, "has no alpha (%g)", (double)given.alpha, "leave it out");
	if (!(n->options & AKIDA_ZOO_ANCHORS) && given.anchors)
		return bad_option(diag, n->name, "has no anchors (%g)", given.anchors, "leave it out");
	if (!(n->options & AKIDA_ZOO_BASE) && (given.base_weights || given.base_layer))
		return bad_option(diag, n->name, "takes no base weights", 0, "leave them out");
	p->akida_version = given.akida_version ? given.akida_version : 2;
	p->classes = given.classes ? given.classes : d.classes;
	p->image_size = given.image_size ? given.image_size : d.image_size;
	p->alpha = given.alpha != 0 ? given.alpha : d.alpha != 0 ? d.alpha : 1;
	p->anchors = given.anchors ? given.anchors : d.anchors;
	p->base_layer = given.base_layer ? given.base_layer : d.base_layer;
	if (p->akida_version > 2 || !(p->akida_version == 1 ? n->v1 : n->v2))
		return bad_option(diag, n->name, "does not exist for Akida version %g", p->akida_version,
				  n->v2 ? "use version 2" : "use version 1");
	if (p->classes > 100000)
		return bad_option(diag, n->name, "%g classes are more than 100000", p->classes, "use fewer classes");
	if (n->sizes && !has_size(n->sizes, p->image_size))
		return bad_option(diag, n->name, "image size %g is not one of this network's", p->image_size,
				  n->sizes == centernet_sizes ? "use 224 or 384"
							      : "use 32, 64, 96, 128, 160, 192 or 224");
	if (!(p->alpha > 0 && p->alpha <= 4) || (p->alpha < 0.03125f))
		return bad_option(diag, n->name, "alpha %g is not between 0.03125 and 4", (double)p->alpha,
				  "usual are 0.25, 0.5 and 1");
	if (p->anchors > 100)
		return bad_option(diag, n->name, "%g anchors are more than 100", p->anchors, "use fewer anchors");
	return 0;
}

/* ---- weights ---- */

static float normal(struct ak_random *r)
{
	float u = 1 - ak_random_unit(r), v = ak_random_unit(r); /* u > 0 */

	return sqrtf(-2 * logf(u)) * cosf(6.28318531f * v);
}

/* Fans as Keras counts them: a depthwise kernel (h, w, channels, 1) has channels x h x w in and h x w out. */
static void draw_kernel(struct ak_weight *w, const struct draw *d, struct ak_random *r)
{
	double receptive = 1, in, out;

	for (uint32_t i = 0; i + 2 < w->rank; i++)
		receptive *= (double)w->dims[i];
	in = receptive * (double)w->dims[w->rank - 2];
	out = receptive * (double)w->dims[w->rank - 1];
	for (size_t i = 0; i < w->count; i++)
		if (!d)
			w->data[i] = (2 * ak_random_unit(r) - 1) * (float)sqrt(6 / (in + out));
		else
			w->data[i] = normal(r) * (d->he ? (float)sqrt(2 / in) : d->deviation);
}

static void draw_weights(struct akida_graph *g, const struct network *net, uint64_t seed)
{
	for (uint32_t i = 0; i < g->count; i++) {
		struct ak_node *n = &g->nodes[i];
		struct ak_random r = ak_random_stream(seed, 0x2000 + i);
		const struct draw *d = NULL;

		for (uint32_t k = 0; k < 2 && net->draw[k].layer; k++)
			if (!strncmp(n->name, net->draw[k].layer, strlen(net->draw[k].layer)))
				d = &net->draw[k];
		for (uint32_t k = 0; k < n->weight_count; k++) {
			struct ak_weight *w = &n->weights[k];

			if (strstr(w->name, "kernel"))
				draw_kernel(w, d, &r);
			for (size_t j = 0; d && d->bias != 0 && !strcmp(w->name, "bias") && j < w->count; j++)
				w->data[j] = d->bias;
		}
	}
}

/* Layers of the base with the name and the shapes of one of g. Returns how many there are. */
static uint32_t take_weights(struct akida_graph *g, const struct akida_graph *base)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t j = 0; j < base->count; j++) {
			struct ak_node *to = &g->nodes[i];
			const struct ak_node *from = &base->nodes[j];
			bool same = to->op == from->op && !strcmp(to->name, from->name) && to->weight_count &&
				    to->weight_count == from->weight_count;

			for (uint32_t k = 0; same && k < to->weight_count; k++)
				same = to->weights[k].count == from->weights[k].count &&
				       !strcmp(to->weights[k].name, from->weights[k].name);
			for (uint32_t k = 0; same && k < to->weight_count; k++)
				memcpy(to->weights[k].data, from->weights[k].data,
				       to->weights[k].count * sizeof(float));
			taken += same;
		}
	return taken;
}

static int load_base(struct ak_zoo *z, const struct network *n)
{
	if (!z->p->base_weights && n->build != ak_zoo_akidanet_edge)
		return 0;
	if (!z->p->base_weights) {
		ak_fail(z->diag, -EINVAL, AK_RULE_ZOO_OPTION, n->name, "needs the trained AkidaNet it is built on");
		ak_remedy(z->diag, "give its .h5 with --base_weights");
		return -EINVAL;
	}
	return akida_graph_load(z->p->base_weights, &z->base, z->diag);
}

static int no_network(const char *name, struct akida_diag *diag)
{
	ak_fail(diag, -ENOENT, AK_RULE_TRAIN_NETWORK, name, "no network of this name");
	ak_remedy(diag, "akida models list shows them");
	return -ENOENT;
}

static void name_graph(const struct network *n, const struct akida_zoo_params *p, char name[AK_NODE_NAME])
{
	if (n->build == ak_zoo_akidanet)
		snprintf(name, AK_NODE_NAME, "akidanet_%.2f_%u_%u", (double)p->alpha, p->image_size, p->classes);
	else if (n->build == ak_zoo_mobilenet)
		snprintf(name, AK_NODE_NAME, "mobilenet_%.2f_%u_%u", (double)p->alpha, p->image_size, p->classes);
	else
		snprintf(name, AK_NODE_NAME, "%s", n->name);
}

int akida_zoo_create(const char *name, const struct akida_zoo_params *in, struct akida_graph **out,
		     struct akida_diag *diag)
{
	struct akida_zoo_params p;
	struct ak_zoo z = {.p = &p, .diag = diag};
	const struct network *n = networks;
	char graph_name[AK_NODE_NAME];

	while (n < networks + NETWORKS && strcmp(n->name, name))
		n++;
	if (n == networks + NETWORKS)
		return no_network(name, diag);
	z.err = params_of(n, in, &p, diag);
	if (!z.err)
		z.err = load_base(&z, n);
	name_graph(n, &p, graph_name);
	if (!z.err)
		z.err = ak_graph_create(graph_name, &z.g);
	if (!z.err)
		n->build(&z);
	if (!z.err) {
		snprintf(z.g->name, sizeof(z.g->name), "%s", graph_name);
		z.g->output = z.at;
		z.err = ak_graph_build(z.g, diag);
	}
	if (!z.err) {
		draw_weights(z.g, n, p.seed);
		if (z.base && !take_weights(z.g, z.base)) {
			ak_fail(diag, -EINVAL, AK_RULE_ZOO_OPTION, p.base_weights,
				"has no layer of %s by name and shape", n->name);
			ak_remedy(diag, "give the network this one is built on, of the same alpha and version");
			z.err = -EINVAL;
		}
	}
	akida_graph_destroy(z.base);
	if (z.err) {
		if (z.err == -ENOMEM)
			ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, n->name, "no memory for the network");
		akida_graph_destroy(z.g);
		return z.err;
	}
	*out = z.g;
	return 0;
}
