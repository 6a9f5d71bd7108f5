/* SPDX-License-Identifier: MIT */
/*
 * Products without VNNI. Exact for any bytes: even and odd bytes apart, 16 x 16 bits. Where a layer's widths allow
 * (sum_limit): vpmaddubsw, widened at once or summed in 16 bits until those are full; two instructions for 4 products a lane.
 */
typedef struct {
	V even, odd;
} W;
typedef W X;

#define SMALL_ALWAYS 0
#define SMALL_HIGH 255
#define HAS_SUM16

VAI W weights_of(V w)
{
	return (W){v_sra16(v_shift_left16(w, 8), 8), v_sra16(w, 8)};
}

VAI X inputs_of(V x)
{
	return (X){v_and(x, v_words(0xff)), v_shift_right16(x, 8)};
}

VAI V dot4(V a, X x, W w)
{
	return v_add(a, v_add(v_madd16(x.even, w.even), v_madd16(x.odd, w.odd)));
}

/* Sums of two products fit 16 bits. */
VAI V dot4_small(V a, V x, V w)
{
	return v_add(a, v_madd16(v_maddubs(x, w), v_words(1)));
}

VAI V dot2(V a, V x, V w)
{
	return v_add(a, v_madd16(x, w));
}

VAI V sum16(V s, V x, V w)
{
	return v_add16(s, v_maddubs(x, w));
}

VAI V widen16(V a, V s)
{
	return v_add(a, v_madd16(s, v_words(1)));
}
