/* SPDX-License-Identifier: MIT */
/* Reading members of a JSON configuration; see conf.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "conf.h"

#define MAX_INT 65536.0

const cJSON *ak_conf_member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool ak_conf_absent(const cJSON *j)
{
	return !j || cJSON_IsNull(j);
}

int ak_conf_bad(const struct ak_layer_conf *c, int err, const char *field, const char *why)
{
	char text[AK_NODE_NAME + 160];

	snprintf(text, sizeof(text), "%s: %s %s", c->name, field, why);
	ak_diag_add(c->diag, &(struct ak_finding){.severity = AKIDA_ERROR,
						  .rule = err == -ERANGE ? AK_RULE_GRAPH_ATTRIBUTE : c->rule,
						  .node = c->name,
						  .field = field,
						  .text = text});
	return err;
}

int ak_conf_out_of_range(const struct ak_layer_conf *c, const char *field, double value, double lo, double hi)
{
	char text[AK_NODE_NAME + 160], v[32], l[64];

	snprintf(v, sizeof(v), "%g", value);
	snprintf(l, sizeof(l), "an integer from %g to %g", lo, hi);
	snprintf(text, sizeof(text), "%s: %s is %s, must be %s", c->name, field, v, l);
	ak_diag_add(c->diag, &(struct ak_finding){.severity = AKIDA_ERROR,
						  .rule = AK_RULE_GRAPH_ATTRIBUTE,
						  .node = c->name,
						  .field = field,
						  .value = v,
						  .limit = l,
						  .text = text});
	return -ERANGE;
}

int ak_conf_to_uint(const struct ak_layer_conf *c, const char *field, const cJSON *j, double lo, uint32_t *out)
{
	if (!cJSON_IsNumber(j))
		return ak_conf_bad(c, -EILSEQ, field, "is missing or not a number");
	if (!(j->valuedouble >= lo && j->valuedouble <= MAX_INT) || j->valuedouble != floor(j->valuedouble))
		return ak_conf_out_of_range(c, field, j->valuedouble, lo, MAX_INT);
	*out = (uint32_t)j->valuedouble;
	return 0;
}

int ak_conf_uint(const struct ak_layer_conf *c, const char *field, uint32_t *out)
{
	return ak_conf_to_uint(c, field, ak_conf_member(c->config, field), 1, out);
}

int ak_conf_uint_or(const struct ak_layer_conf *c, const char *field, uint32_t otherwise, uint32_t *out)
{
	*out = otherwise;
	return ak_conf_absent(ak_conf_member(c->config, field)) ? 0 : ak_conf_uint(c, field, out);
}

int ak_conf_to_pair(const struct ak_layer_conf *c, const char *field, const cJSON *j, double lo, uint32_t *a,
		    uint32_t *b)
{
	int err;

	if (cJSON_IsNumber(j)) {
		err = ak_conf_to_uint(c, field, j, lo, a);
		*b = *a;
		return err;
	}
	if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 2)
		return ak_conf_bad(c, -EILSEQ, field, "is missing or not a pair of numbers");
	err = ak_conf_to_uint(c, field, j->child, lo, a);
	return err ? err : ak_conf_to_uint(c, field, j->child->next, lo, b);
}

int ak_conf_to_triple(const struct ak_layer_conf *c, const char *field, const cJSON *j, uint32_t v[3])
{
	int err = 0;

	if (cJSON_IsNumber(j)) {
		err = ak_conf_to_uint(c, field, j, 1, &v[0]);
		v[1] = v[2] = v[0];
		return err;
	}
	if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 3)
		return ak_conf_bad(c, -EILSEQ, field, "is missing or not three numbers");
	j = j->child;
	for (int i = 0; i < 3 && !err; i++, j = j->next)
		err = ak_conf_to_uint(c, field, j, 1, &v[i]);
	return err;
}

int ak_conf_pair_or(const struct ak_layer_conf *c, const char *field, uint32_t da, uint32_t db, uint32_t *a,
		    uint32_t *b)
{
	const cJSON *j = ak_conf_member(c->config, field);

	*a = da;
	*b = db;
	return ak_conf_absent(j) ? 0 : ak_conf_to_pair(c, field, j, 1, a, b);
}

int ak_conf_to_float(const struct ak_layer_conf *c, const char *field, const cJSON *j, float *out)
{
	if (!cJSON_IsNumber(j))
		return ak_conf_bad(c, -EILSEQ, field, "is not a number");
	*out = (float)j->valuedouble;
	return isfinite(*out) ? 0 : ak_conf_bad(c, -ERANGE, field, "is not a finite float32 number");
}

int ak_conf_float_or(const struct ak_layer_conf *c, const char *field, float otherwise, float *out)
{
	const cJSON *j = ak_conf_member(c->config, field);

	*out = otherwise;
	return ak_conf_absent(j) ? 0 : ak_conf_to_float(c, field, j, out);
}

int ak_conf_bool_or(const struct ak_layer_conf *c, const char *field, bool otherwise, bool *out)
{
	const cJSON *j = ak_conf_member(c->config, field);

	*out = otherwise;
	if (ak_conf_absent(j))
		return 0;
	if (cJSON_IsBool(j))
		*out = cJSON_IsTrue(j);
	else if (cJSON_IsNumber(j) && (j->valuedouble == 0 || j->valuedouble == 1)) /* real files have "scale": 1 */
		*out = j->valuedouble != 0;
	else
		return ak_conf_bad(c, -EILSEQ, field, "is not true or false");
	return 0;
}

int ak_conf_per_channel(const struct ak_layer_conf *c, const char *field, float otherwise, float *one, float *values,
			uint32_t *count)
{
	const cJSON *j = ak_conf_member(c->config, field), *item;
	uint32_t n = 0;
	bool equal = true;

	*one = otherwise;
	*count = 0;
	if (ak_conf_absent(j))
		return 0;
	if (!cJSON_IsArray(j))
		return ak_conf_to_float(c, field, j, one);
	if (!j->child)
		return ak_conf_bad(c, -EILSEQ, field, "is empty");
	cJSON_ArrayForEach(item, j)
	{
		float v;
		int err = ak_conf_to_float(c, field, item, &v);

		if (err)
			return err;
		*one = n ? *one : v;
		equal &= v == *one;
		n++;
	}
	if (equal)
		return 0;
	if (n > AK_MAX_PER_CHANNEL)
		return ak_conf_bad(c, -EOPNOTSUPP, field, "has different values for more than 16 channels");
	cJSON_ArrayForEach(item, j) values[(*count)++] = (float)item->valuedouble;
	return 0;
}
