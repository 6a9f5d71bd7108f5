// SPDX-License-Identifier: MIT
/* The emulated boards without the module: identity, BARs, capabilities, control block. Proves the bed, not the module. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest.h"

static void board_both_are_there(void)
{
	EQ(guest_find_boards(), 2);
	EQ(guest_boards[0].device, 0xbca1);
	EQ(guest_boards[1].device, 0xa500);
}

static uint64_t bar_bytes(const struct guest_board *b, unsigned int bar, uint64_t *flags)
{
	char text[2048], *line = text;
	unsigned long long first, last, fl;

	EQ(guest_attr_read(b, "resource", text, sizeof(text)), 0);
	while (bar--)
		line = strchr(line, '\n') + 1;
	EQ(sscanf(line, "%llx %llx %llx", &first, &last, &fl), 3);
	*flags = fl;
	return last ? last - first + 1 : 0;
}

static void board_bars_have_their_sizes(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int bar = 0; bar < 6; bar += 2) {
			uint64_t flags, want = i == 1 && bar == 0 ? 0x10000 : 0x400000;

			EQ(bar_bytes(&guest_boards[i], bar, &flags), want);
			CHECK(flags & 0x200);  /* memory */
			CHECK(flags & 0x2000); /* prefetchable */
		}
	}
}

static uint32_t capability(const struct guest_board *b, uint8_t id)
{
	uint32_t at = guest_config(b, 0x34) & 0xff;

	for (int i = 0; at && i < 48; i++) {
		uint32_t head = guest_config(b, at);

		if ((head & 0xff) == id)
			return at;
		at = head >> 8 & 0xff;
	}
	return 0;
}

static void board_has_msi_pm_and_function_level_reset(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct guest_board *b = &guest_boards[i];

		EQ(capability(b, 1), 0x40);
		EQ(capability(b, 5), 0x50);
		EQ(capability(b, 0x10), 0x70);
		CHECK(guest_config(b, 0x74) & 1u << 28); /* FLR */
		EQ(guest_config(b, 0x100) & 0xffff, 1);	 /* AER */
	}
}

static void board_answers_its_control_block(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct guest_board *b = &guest_boards[i];

		EQ(guest_config(b, CTL_ID), GUEST_CTL_MAGIC);
		guest_config_set(b, CTL_HANG, 3);
		EQ(guest_config(b, CTL_HANG), 3);
		guest_config_set(b, CTL_HANG, 0);
		guest_config_set(b, CTL_ALL_ONES, 1);
		EQ(guest_config(b, 0), 0xffffffffu);
		EQ(guest_config(b, CTL_ID), GUEST_CTL_MAGIC);
		guest_config_set(b, CTL_ALL_ONES, 0);
		EQ(guest_config(b, 0) & 0xffff, 0x1e7c);
	}
}

int main(void)
{
	RUN(board_both_are_there);
	RUN(board_bars_have_their_sizes);
	RUN(board_has_msi_pm_and_function_level_reset);
	RUN(board_answers_its_control_block);
	return 0;
}
