/* SPDX-License-Identifier: MIT */
/*
 * AVX-512 with VNNI. The products are one instruction each, written as inline assembly: gcc 12 copies the accumulator
 * around the intrinsic.
 */
#if defined(__x86_64__)
#include <string.h>
#include "kernels/x86/vector512.h"

#define ISA AK_ISA_AVX512VNNI
#define KERNELS ak_kernels_avx512vnni
#define FILTER_VECTORS 4
#define SMALL_ALWAYS 1
#define SMALL_HIGH 255
#define dot4_small dot4

typedef V W;
typedef V X;

VAI W weights_of(V w)
{
	return w;
}

VAI X inputs_of(V x)
{
	return x;
}

VAI V dot4(V a, X x, W w)
{
	__asm__("vpdpbusd %2, %1, %0" : "+v"(a) : "v"(x), "vm"(w));
	return a;
}

VAI V dot2(V a, V x, V w)
{
	__asm__("vpdpwssd %2, %1, %0" : "+v"(a) : "v"(x), "vm"(w));
	return a;
}

#define TILE_POSITIONS 8, 8, 8, 6 /* what the registers hold */
#define WIDE_POSITIONS 6
#define SPARSE_DENSE_COST 8u
#include "kernels/template/template.h"
#endif
