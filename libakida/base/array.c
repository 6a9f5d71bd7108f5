/* SPDX-License-Identifier: MIT */
/* Plain arrays and data sets: allocation with overflow checks, release. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <akida/data.h>

#define MAX_RANK 6u
#define MAX_BYTES ((uint64_t)1 << 40)

size_t akida_dtype_bytes(enum akida_dtype t)
{
	switch (t) {
	case AKIDA_U8:
	case AKIDA_I8:
		return 1;
	case AKIDA_I16:
		return 2;
	case AKIDA_I32:
	case AKIDA_F32:
		return 4;
	case AKIDA_I64:
	case AKIDA_F64:
		return 8;
	}
	return 0;
}

size_t akida_array_elements(const struct akida_array *a)
{
	size_t n = 1;

	if (!a->rank)
		return 0;
	for (uint32_t i = 0; i < a->rank; i++)
		n *= a->dims[i];
	return n;
}

double akida_array_value(const struct akida_array *a, size_t i)
{
	switch (a->dtype) {
	case AKIDA_U8:
		return ((const uint8_t *)a->data)[i];
	case AKIDA_I8:
		return ((const int8_t *)a->data)[i];
	case AKIDA_I16:
		return ((const int16_t *)a->data)[i];
	case AKIDA_I32:
		return ((const int32_t *)a->data)[i];
	case AKIDA_I64:
		return (double)((const int64_t *)a->data)[i];
	case AKIDA_F32:
		return (double)((const float *)a->data)[i];
	case AKIDA_F64:
		return ((const double *)a->data)[i];
	}
	return 0;
}

int akida_array_init(struct akida_array *a, enum akida_dtype t, uint32_t rank, const size_t *dims)
{
	uint64_t bytes = akida_dtype_bytes(t);

	memset(a, 0, sizeof(*a));
	if (!rank || rank > MAX_RANK || !bytes)
		return -EINVAL;
	/* A zero anywhere makes the array empty, whatever the other dimensions say. */
	for (uint32_t i = 0; i < rank; i++)
		if (!dims[i])
			bytes = 0;
	for (uint32_t i = 0; i < rank; i++) {
		if (dims[i] > MAX_BYTES || (dims[i] && bytes > MAX_BYTES / dims[i]) || bytes * dims[i] > SIZE_MAX)
			return -ERANGE;
		bytes *= dims[i];
	}
	a->data = calloc(bytes ? (size_t)bytes : 1, 1);
	if (!a->data)
		return -ENOMEM;
	a->dtype = t;
	a->rank = rank;
	memcpy(a->dims, dims, rank * sizeof(*dims));
	return 0;
}

void akida_array_fini(struct akida_array *a)
{
	if (!a)
		return;
	free(a->data);
	memset(a, 0, sizeof(*a));
}

void akida_dataset_fini(struct akida_dataset *d)
{
	if (!d)
		return;
	akida_array_fini(&d->x);
	akida_array_fini(&d->y);
	memset(d, 0, sizeof(*d));
}
