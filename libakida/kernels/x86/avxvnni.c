/* SPDX-License-Identifier: MIT */
/* AVX2 with VNNI (vex encoding), for processors without AVX-512. */
#if defined(__x86_64__)
#include <string.h>
#include "kernels/x86/vector256.h"

#define ISA AK_ISA_AVXVNNI
#define KERNELS ak_kernels_avxvnni
#define FILTER_VECTORS 2
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
	__asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(a) : "x"(x), "xm"(w));
	return a;
}

VAI V dot2(V a, V x, V w)
{
	__asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(a) : "x"(x), "xm"(w));
	return a;
}

#define TILE_POSITIONS 8, 6 /* what the registers hold */
#define WIDE_POSITIONS 6
#include "kernels/template/template.h"
#endif
