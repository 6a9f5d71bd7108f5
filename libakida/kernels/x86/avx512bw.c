/* SPDX-License-Identifier: MIT */
/* AVX-512 without VNNI. */
#if defined(__x86_64__)
#include <string.h>
#include "kernels/x86/vector512.h"

#define ISA AK_ISA_AVX512BW
#define KERNELS ak_kernels_avx512bw
#define FILTER_VECTORS 4

#include "kernels/x86/products16.h"
#define TILE_POSITIONS 8, 8, 4, 4 /* what the registers hold */
#define WIDE_POSITIONS 4
#define SPARSE_DENSE_COST 11u
#include "kernels/template/template.h"
#endif
