/* SPDX-License-Identifier: MIT */
/* What this processor has, asked once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "kernels/op.h"

#if defined(__x86_64__)
#include <cpuid.h>

extern const struct ak_kernels ak_kernels_avx2, ak_kernels_avxvnni, ak_kernels_avx512bw, ak_kernels_avx512vnni;
#endif

#if defined(__aarch64__)
#include <sys/auxv.h>

extern const struct ak_kernels ak_kernels_neon, ak_kernels_dotprod;
#endif

static const char *const names[AK_ISA_COUNT] = {
	[AK_ISA_REF] = "ref",
	[AK_ISA_NEON] = "neon",
	[AK_ISA_DOTPROD] = "dotprod",
	[AK_ISA_AVX2] = "avx2",
	[AK_ISA_AVXVNNI] = "avxvnni",
	[AK_ISA_AVX512BW] = "avx512bw",
	[AK_ISA_AVX512VNNI] = "avx512vnni",
};

const char *ak_isa_name(enum ak_isa isa)
{
	return isa < AK_ISA_COUNT ? names[isa] : "?";
}

const struct ak_kernels *ak_kernels_of(enum ak_isa isa)
{
	switch (isa) {
#if defined(__x86_64__)
	case AK_ISA_AVX2:
		return &ak_kernels_avx2;
	case AK_ISA_AVXVNNI:
		return &ak_kernels_avxvnni;
	case AK_ISA_AVX512BW:
		return &ak_kernels_avx512bw;
	case AK_ISA_AVX512VNNI:
		return &ak_kernels_avx512vnni;
#endif
#if defined(__aarch64__)
	case AK_ISA_NEON:
		return &ak_kernels_neon;
	case AK_ISA_DOTPROD:
		return &ak_kernels_dotprod;
#endif
	default:
		return NULL;
	}
}

#if defined(__x86_64__)
/* Asked of the processor itself: compilers of 2022 do not know the name. */
static bool has_avxvnni(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}

static bool processor_has(enum ak_isa isa)
{
	bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");

	switch (isa) {
	case AK_ISA_AVX2:
		return __builtin_cpu_supports("avx2");
	case AK_ISA_AVXVNNI:
		return __builtin_cpu_supports("avx2") && has_avxvnni();
	case AK_ISA_AVX512BW:
		return avx512;
	case AK_ISA_AVX512VNNI:
		return avx512 && __builtin_cpu_supports("avx512vnni");
	default:
		return false;
	}
}
#elif defined(__aarch64__)
static bool processor_has(enum ak_isa isa)
{
	const unsigned long dotprod = 1ul << 20; /* HWCAP_ASIMDDP */

	return isa == AK_ISA_NEON || (isa == AK_ISA_DOTPROD && (getauxval(AT_HWCAP) & dotprod));
}
#else
static bool processor_has(enum ak_isa isa)
{
	(void)isa;
	return false;
}
#endif

bool ak_isa_available(enum ak_isa isa)
{
	return isa == AK_ISA_REF || (ak_kernels_of(isa) && processor_has(isa));
}

int ak_isa_choose(enum ak_isa *out, struct akida_diag *diag)
{
	const char *name = getenv("AKIDA_ISA");

	for (int i = AK_ISA_COUNT - 1; i >= 0; i--) {
		if (name && *name && strcmp(name, names[i]))
			continue;
		if (ak_isa_available((enum ak_isa)i)) {
			*out = (enum ak_isa)i;
			return 0;
		}
		if (name && *name) {
			ak_fail(diag, -EINVAL, AK_RULE_ARG, "AKIDA_ISA", "this processor or build has no %s", name);
			ak_remedy(diag, "leave it unset: the best instruction set is chosen");
			return -EINVAL;
		}
	}
	ak_fail(diag, -EINVAL, AK_RULE_ARG, "AKIDA_ISA", "unknown instruction set %s", name);
	ak_remedy(diag, "ref, neon, dotprod, avx2, avxvnni, avx512bw or avx512vnni");
	return -EINVAL;
}
