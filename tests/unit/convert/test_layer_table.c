/* SPDX-License-Identifier: MIT */
/*
 * docs/layers.md, found out by trying: a small network with each layer is written and read, quantized, checked and converted
 * for both generations, and mapped. Each cell must be what this file expects and what the document says; with --print the
 * document itself is printed (make docs).
 */
#include "tests/unit/quant/net_v2.h"
#include <stdio.h>
#include <unistd.h>
#include <akida/convert.h>
#include <akida/map.h>
#include <akida/program.h>

enum { READ = 1, QUANTIZED = 2, V1 = 4, V2 = 8, HOST = 16 };

/* The node whose layer on the chip is looked at. */
static uint32_t mark;

static void stem(struct akida_graph *g)
{
	net_conv(g, 8, 3, 1);
	net_relu(g, 6);
}

static void head(struct akida_graph *g)
{
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 4);
}

static void marked(struct akida_graph *g)
{
	mark = g->output;
}

#define NET(name) static void name(struct akida_graph *g)

NET(net_input)
{
	stem(g);
	mark = 1;
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_rescaling)
{
	net_rescaling(g, 1 / 127.5f, -1);
	stem(g);
	mark = 2;
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_conv)
{
	stem(g);
	net_conv(g, 8, 3, 1);
	marked(g);
	head(g);
}
NET(with_separable)
{
	stem(g);
	net_separable(g, 8, 3, 1);
	marked(g);
	head(g);
}
NET(with_depthwise)
{
	stem(g);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 1);
	head(g);
}
NET(with_dense)
{
	stem(g);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 4);
	marked(g);
}
NET(with_batchnorm)
{
	stem(g);
	net_conv(g, 8, 3, 1);
	marked(g);
	net_batchnorm(g);
	head(g);
}
NET(with_maxpool)
{
	stem(g);
	net_conv(g, 8, 3, 1);
	marked(g);
	net_maxpool(g, 2, 2);
	net_relu(g, 6);
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_avgpool)
{
	stem(g);
	net_maxpool(g, 2, 2)->op = AK_OP_AVGPOOL;
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_global_pool)
{
	stem(g);
	net_conv(g, 8, 3, 1);
	marked(g);
	net_add(g, AK_OP_GAP);
}
NET(with_add)
{
	stem(g);
	net2_join(g, AK_OP_ADD, 2, net2_branch(g, 2, AK_OP_CONV2D, 8, 6));
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_concatenate)
{
	stem(g);
	net2_join(g, AK_OP_CONCATENATE, 2, net2_branch(g, 2, AK_OP_CONV2D, 4, 6));
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_reshape)
{
	struct ak_node *n;

	stem(g);
	n = net_add(g, AK_OP_RESHAPE);
	n->rank = 1;
	net_dense(g, 4);
	marked(g);
}
NET(with_dropout)
{
	stem(g);
	net_add(g, AK_OP_DROPOUT)->rate = 0.5f;
	net_conv(g, 8, 3, 1);
	marked(g);
	head(g);
}
NET(with_zeropad)
{
	struct ak_node *n;

	stem(g);
	n = net_add(g, AK_OP_ZEROPAD);
	n->pad[0] = n->pad[1] = n->pad[2] = n->pad[3] = 1;
	net_conv(g, 8, 3, 1)->same = false;
	marked(g);
	head(g);
}
NET(with_table)
{
	stem(g);
	net_conv(g, 8, 3, 1);
	net2_activation(g, AK_ACT_SILU);
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_softmax)
{
	with_dense(g);
	net_add(g, AK_OP_SOFTMAX);
}
NET(with_permute)
{
	struct ak_node *n;

	stem(g);
	n = net_add(g, AK_OP_PERMUTE);
	n->perm[0] = 1;
	n->perm[2] = 2;
	net_conv(g, 8, 3, 1);
	head(g);
}
NET(with_transpose)
{
	stem(g);
	net2_transposed(g, AK_OP_CONV2D_TRANSPOSE, 4, 3);
}
NET(with_depthwise_transpose)
{
	stem(g);
	net2_transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 0, 3);
}
NET(with_fifo)
{
	stem(g);
	net2_over_time(g, AK_OP_BUFFER_TEMP_CONV, 4, 3);
}
NET(with_depthwise_fifo)
{
	stem(g);
	net2_over_time(g, AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, 0, 3);
}
NET(with_projection) /* also the layers between two of them */
{
	struct ak_node *n = &g->nodes[0];

	n->rank = 2;
	n->dims[0] = 4;
	n->dims[1] = 6;
	net2_recurrent_layer(g, 8, 5, 1);
}
NET(with_conv3d) /* and what stands around it */
{
	struct ak_node *n = &g->nodes[0];

	n->rank = 4;
	n->dims[0] = 5;
	n->dims[1] = n->dims[2] = 8;
	n->dims[3] = 3;
	net_add(g, AK_OP_ZEROPAD3D)->pad_t[0] = 2;
	n = net_add(g, AK_OP_CONV3D);
	n->filters = 4;
	n->kernel_t = 3;
	n->kernel_h = n->kernel_w = 1;
	net_relu(g, 0);
	n = net_add(g, AK_OP_CONV3D);
	n->filters = 4;
	n->kernel_t = 1;
	n->kernel_h = n->kernel_w = 3;
	n->same = true;
	net_relu(g, 0);
	n = net_add(g, AK_OP_AVGPOOL3D);
	n->kernel_t = n->stride_t = 1;
	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = 8;
	net_dense(g, 3);
}

/* What this version can do with each layer, and how sure its encoding for the software NSoC and the boards is. */
static const struct row {
	enum ak_op op;
	void (*build)(struct akida_graph *g);
	uint32_t can;
	const char *tag; /* of the layer on an AKD1500; NULL: none */
} rows[] = {
	{AK_OP_INPUT, net_input, READ | QUANTIZED | V1 | V2, "provisional"},
	{AK_OP_RESCALING, with_rescaling, READ | QUANTIZED | V1 | V2, "provisional"},
	{AK_OP_CONV2D, with_conv, READ | QUANTIZED | V1 | V2, "verified"},
	{AK_OP_SEPARABLE, with_separable, READ | QUANTIZED | V1 | V2, "verified"},
	{AK_OP_DEPTHWISE, with_depthwise, READ | QUANTIZED | V2, NULL},
	{AK_OP_CONV2D_TRANSPOSE, with_transpose, READ | QUANTIZED | V2, NULL},
	{AK_OP_DEPTHWISE_TRANSPOSE, with_depthwise_transpose, READ | QUANTIZED | V2, NULL},
	{AK_OP_DENSE, with_dense, READ | QUANTIZED | V1 | V2, "derived"},
	{AK_OP_BATCHNORM, with_batchnorm, READ | QUANTIZED | V1 | V2, "verified"},
	{AK_OP_RELU, with_conv, READ | QUANTIZED | V1 | V2, "verified"},
	{AK_OP_ACTIVATION, with_table, READ | QUANTIZED | V2, NULL},
	{AK_OP_SOFTMAX, with_softmax, READ | QUANTIZED | V1 | V2, "derived"},
	{AK_OP_MAXPOOL, with_maxpool, READ | QUANTIZED | V1 | V2, "derived"},
	{AK_OP_AVGPOOL, with_avgpool, READ, NULL},
	{AK_OP_GAP, with_global_pool, READ | QUANTIZED | V1 | V2, "derived"},
	{AK_OP_ADD, with_add, READ | QUANTIZED | V2, NULL},
	{AK_OP_CONCATENATE, with_concatenate, READ | QUANTIZED | V2, NULL},
	{AK_OP_FLATTEN, with_dense, READ | QUANTIZED | V1 | V2, "derived"},
	{AK_OP_RESHAPE, with_reshape, READ | QUANTIZED | V1 | V2, "derived"},
	{AK_OP_PERMUTE, with_permute, READ, NULL},
	{AK_OP_DROPOUT, with_dropout, READ | QUANTIZED | V1 | V2, "verified"},
	{AK_OP_ZEROPAD, with_zeropad, READ | QUANTIZED | V1 | V2, "verified"},
	{AK_OP_BUFFER_TEMP_CONV, with_fifo, READ | QUANTIZED | V2, NULL},
	{AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, with_depthwise_fifo, READ | QUANTIZED | V2, NULL},
	{AK_OP_STATEFUL_PROJECTION, with_projection, READ | QUANTIZED | HOST, NULL},
	{AK_OP_STATEFUL_RECURRENT, with_projection, READ | QUANTIZED | HOST, NULL},
	{AK_OP_EXTRACT_TOKEN, with_projection, READ | QUANTIZED | HOST, NULL},
	{AK_OP_CONV3D, with_conv3d, READ | QUANTIZED | V2, NULL},
	{AK_OP_ZEROPAD3D, with_conv3d, READ | QUANTIZED | V2, NULL},
	{AK_OP_AVGPOOL3D, with_conv3d, READ | QUANTIZED | V2, NULL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- trying ---- */

static struct akida_graph *build(const struct row *r)
{
	struct akida_graph *g = net_start(12, 12, 3);

	net_rng = 5;
	mark = 0;
	r->build(g);
	return net_finish(g);
}

static bool reads(const struct akida_graph *g, enum ak_op op)
{
	char path[] = "/tmp/layer_table_XXXXXX";
	int fd = mkstemp(path);
	struct akida_graph *again = NULL;
	bool there = false;

	assert_true(fd >= 0);
	close(fd);
	if (!akida_graph_save(g, path, NULL) && !akida_graph_load(path, &again, NULL))
		there = net_find(again, op, 0) != UINT32_MAX;
	unlink(path);
	akida_graph_destroy(again);
	return there;
}

static struct akida_graph *quantized(const struct akida_graph *g, bool v2)
{
	struct akida_graph *q = NULL;
	struct akida_quant_params p;

	akida_quant_params_init(&p);
	p.num_samples = p.batch_size = 4;
	if (v2) {
		p.weight_bits = p.activation_bits = 8;
		p.per_tensor = 0;
		p.split_separables = 1;
	}
	return akida_quantize(g, &p, NULL, &q, NULL) ? NULL : q;
}

/* Quantized and converted, and checked before where chip is given: the layers, or NULL. */
static struct akida_model *converted(const struct akida_graph *g, bool v2, const char *chip)
{
	struct akida_graph *q = chip && akida_check(g, chip, NULL) ? NULL : quantized(g, v2);
	struct akida_model *m = NULL;

	if (q && (v2 ? akida_convert_v2(q, &m, NULL) : akida_convert(q, &m, NULL)))
		m = NULL;
	akida_graph_destroy(q);
	return m;
}

static void tag_of(const struct akida_model *m, const char *name, char tag[16])
{
	struct akida_map_params mp = {.size = sizeof(mp)};
	struct akida_program *p = NULL;

	snprintf(tag, 16, "-");
	if (!m || akida_map(m, "akd1500", &mp, &p, NULL, NULL))
		return;
	for (uint32_t i = 0; i < akida_program_layers(p); i++) {
		struct akida_program_layer l = {.size = sizeof(l)};

		if (!akida_program_layer(p, i, &l) && !strcmp(l.name, name))
			snprintf(tag, 16, "%s", akida_tag_name(l.tag));
	}
	akida_program_destroy(p);
}

struct cells {
	uint32_t can;
	char tag[16];
};

static struct cells try(const struct row *r)
{
	struct akida_graph *g = build(r), *q;
	struct cells c = {0};
	struct akida_model *m;

	c.can |= reads(g, r->op) ? READ : 0;
	q = quantized(g, true);
	c.can |= q ? QUANTIZED : 0;
	akida_graph_destroy(q);
	m = converted(g, true, "akida2");
	c.can |= m ? V2 : 0;
	akida_model_destroy(m);
	m = c.can & V2 ? NULL : converted(g, true, NULL);
	c.can |= m ? HOST : 0;
	akida_model_destroy(m);
	m = converted(g, false, "akd1500");
	c.can |= m ? V1 : 0;
	tag_of(m, mark ? g->nodes[mark].name : "", c.tag);
	akida_model_destroy(m);
	akida_graph_destroy(g);
	return c;
}

static void line_of(const struct row *r, const struct cells *c, char *line, size_t bytes)
{
	snprintf(line, bytes, "| %s | %s | %s | %s | %s | %s |\n", ak_op_class(r->op), c->can & READ ? "yes" : "-",
		 c->can & QUANTIZED ? "yes" : "-", c->can & V1 ? "yes" : "-",
		 c->can & V2	 ? "yes"
		 : c->can & HOST ? "`cpu`"
				 : "-",
		 c->tag);
}

/* ---- tests ---- */

static void test_layer_table_each_cell_is_what_happens(void **state)
{
	static const char *const columns[] = {"read", "quantized", "v1", "v2", "host"};

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct cells c = try(&rows[i]);

		for (uint32_t k = 0; k < 5; k++)
			if ((c.can ^ rows[i].can) >> k & 1)
				fail_msg("%s: %s is %s", ak_op_class(rows[i].op), columns[k],
					 c.can >> k & 1 ? "yes" : "no");
		if (strcmp(c.tag, rows[i].tag ? rows[i].tag : "-"))
			fail_msg("%s: the encoding is %s", ak_op_class(rows[i].op), c.tag);
	}
}

/* Quantizers have no form in a float network: they come with the layers of the table. */
static void test_layer_table_has_every_layer(void **state)
{
	(void)state;
	for (uint32_t op = 0; op < AK_OP_COUNT; op++) {
		bool there = op == AK_OP_DEQUANTIZER || op == AK_OP_INPUT_QUANTIZER;

		for (size_t i = 0; i < ROWS; i++)
			there |= rows[i].op == op;
		if (!there)
			fail_msg("%s is not in the table", ak_op_class(op));
	}
}

static void test_layer_table_document_says_so(void **state)
{
	FILE *f = fopen("docs/layers.md", "r");
	char text[16384], line[256];
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	for (size_t i = 0; i < ROWS; i++) {
		struct cells c = {.can = rows[i].can};

		snprintf(c.tag, sizeof(c.tag), "%s", rows[i].tag ? rows[i].tag : "-");
		line_of(&rows[i], &c, line, sizeof(line));
		if (!strstr(text, line))
			fail_msg("docs/layers.md lacks (make docs): %s", line);
	}
}

static int print(void)
{
	char line[256];

	printf("# Layers\n\n"
	       "What this version does with each layer of a network, found out by trying (`make docs` runs\n"
	       "`build/tests/convert/test_layer_table --print`). Read: a Keras `.h5` with it is read; ONNX operators "
	       "are in\n"
	       "[onnx.md](onnx.md). Quantized: with 8 bits. v1, v2: checked without an error and converted; `cpu`: "
	       "converted for\n"
	       "this host, no mesh takes it. Encoding: "
	       "how sure\n"
	       "the words are that make an AKD1500 compute it ([encodings.md](encodings.md)); layers that are folded "
	       "into another\n"
	       "one have its encoding, and what stands behind the network's end (Softmax) that of the last layer. "
	       "Dequantizer and\n"
	       "InputQuantizer come with quantized networks. Layers over frames are taken where they look back "
	       "only.\n\n"
	       "| Layer | Read | Quantized | Akida v1 | Akida 2 | Encoding |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ROWS; i++) {
		struct cells c = try(&rows[i]);

		line_of(&rows[i], &c, line, sizeof(line));
		printf("%s", line);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layer_table_each_cell_is_what_happens),
		cmocka_unit_test(test_layer_table_has_every_layer),
		cmocka_unit_test(test_layer_table_document_says_so),
	};

	if (argc > 1 && !strcmp(argv[1], "--print"))
		return print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
