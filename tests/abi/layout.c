/* SPDX-License-Identifier: MIT */
/*
 * The layout of uapi/akida.h, written down: every size and every offset, compiled for 64 and 32 bit, as C and as C++ (layout.sh).
 * A line here is never changed, only added; a reserved field that gets a use gets its name.
 */
#include <stddef.h>
#include "uapi/akida.h"

#ifdef __cplusplus
#define CHECK(cond) static_assert(cond, #cond)
#else
#define CHECK(cond) _Static_assert(cond, #cond)
#endif
#define AT(type, field, at) CHECK(offsetof(struct type, field) == (at))

CHECK(sizeof(struct akida_np) == 4);
AT(akida_np, col, 0);
AT(akida_np, row, 1);
AT(akida_np, id, 2);
AT(akida_np, types, 3);

CHECK(sizeof(struct akida_query) == 152);
AT(akida_query, size, 0);
AT(akida_query, flags, 4);
AT(akida_query, np_ptr, 8);
AT(akida_query, np_capacity, 16);
AT(akida_query, np_count, 20);
AT(akida_query, caps, 24);
AT(akida_query, chip, 32);
AT(akida_query, ip, 36);
AT(akida_query, version, 40);
AT(akida_query, clock_khz, 44);
AT(akida_query, generation, 48);
AT(akida_query, max_batch, 52);
AT(akida_query, max_frames, 56);
AT(akida_query, max_handles, 60);
AT(akida_query, max_buffer_bytes, 64);
AT(akida_query, max_pinned_bytes, 72);
AT(akida_query, max_program_bytes, 80);
AT(akida_query, jobs, 88);
AT(akida_query, busy_ns, 96);
AT(akida_query, dma_bytes, 104);
AT(akida_query, interrupts, 112);
AT(akida_query, doorbells, 120);
AT(akida_query, resets, 128);
AT(akida_query, floor_uw, 136);
AT(akida_query, reserved0, 140);
AT(akida_query, energy_uj, 144);

CHECK(sizeof(struct akida_buffer_create) == 40);
AT(akida_buffer_create, size, 0);
AT(akida_buffer_create, flags, 4);
AT(akida_buffer_create, bytes, 8);
AT(akida_buffer_create, handle, 16);
AT(akida_buffer_create, dmabuf, 20);
AT(akida_buffer_create, mmap_offset, 24);
AT(akida_buffer_create, user_ptr, 32);

CHECK(sizeof(struct akida_destroy) == 16);
AT(akida_destroy, size, 0);
AT(akida_destroy, flags, 4);
AT(akida_destroy, handle, 8);
AT(akida_destroy, reserved0, 12);

CHECK(sizeof(struct akida_track) == 8);
AT(akida_track, word_offset, 0);
AT(akida_track, words, 4);

CHECK(sizeof(struct akida_reg_write) == 8);
AT(akida_reg_write, offset, 0);
AT(akida_reg_write, value, 4);

CHECK(sizeof(struct akida_program_create) == 120);
AT(akida_program_create, size, 0);
AT(akida_program_create, flags, 4);
AT(akida_program_create, image_ptr, 8);
AT(akida_program_create, tracks_ptr, 16);
AT(akida_program_create, epg_ptr, 24);
AT(akida_program_create, image_bytes, 32);
AT(akida_program_create, track_count, 36);
AT(akida_program_create, epg_count, 40);
AT(akida_program_create, version, 44);
AT(akida_program_create, in_dims, 48);
AT(akida_program_create, out_dims, 60);
AT(akida_program_create, window_w, 72);
AT(akida_program_create, window_h, 76);
AT(akida_program_create, input_type, 80);
AT(akida_program_create, output_type, 84);
AT(akida_program_create, activation, 88);
AT(akida_program_create, handle, 92);
AT(akida_program_create, bad_track, 96);
AT(akida_program_create, bad_word, 100);
AT(akida_program_create, passes_ptr, 104);
AT(akida_program_create, pass_count, 112);
AT(akida_program_create, reserved0, 116);

CHECK(sizeof(struct akida_pass) == 8);
AT(akida_pass, tracks, 0);
AT(akida_pass, external, 4);

CHECK(sizeof(struct akida_context_create) == 40);
AT(akida_context_create, size, 0);
AT(akida_context_create, flags, 4);
AT(akida_context_create, program, 8);
AT(akida_context_create, eventfd, 12);
AT(akida_context_create, batch, 16);
AT(akida_context_create, handle, 20);
AT(akida_context_create, quantum_ns, 24);
AT(akida_context_create, generation, 32);
AT(akida_context_create, priority, 36);

CHECK(sizeof(struct akida_submit) == 72);
AT(akida_submit, size, 0);
AT(akida_submit, flags, 4);
AT(akida_submit, context, 8);
AT(akida_submit, count, 12);
AT(akida_submit, in_handle, 16);
AT(akida_submit, out_handle, 20);
AT(akida_submit, in_offset, 24);
AT(akida_submit, in_stride, 32);
AT(akida_submit, out_offset, 40);
AT(akida_submit, out_stride, 48);
AT(akida_submit, seq, 56);
AT(akida_submit, reserved0, 64);

CHECK(sizeof(struct akida_wait) == 80);
AT(akida_wait, size, 0);
AT(akida_wait, flags, 4);
AT(akida_wait, context, 8);
AT(akida_wait, status, 12);
AT(akida_wait, seq, 16);
AT(akida_wait, timeout_ns, 24);
AT(akida_wait, frames_done, 32);
AT(akida_wait, program_clk, 36);
AT(akida_wait, queued_ns, 40);
AT(akida_wait, started_ns, 48);
AT(akida_wait, ended_ns, 56);
AT(akida_wait, inference_clk, 64);
AT(akida_wait, reserved0, 72);

CHECK(sizeof(struct akida_reset) == 16);
AT(akida_reset, size, 0);
AT(akida_reset, flags, 4);
AT(akida_reset, generation, 8);
AT(akida_reset, reserved0, 12);

CHECK(sizeof(struct akida_power_sample) == 16);
AT(akida_power_sample, ts_ns, 0);
AT(akida_power_sample, uw, 8);
AT(akida_power_sample, reserved0, 12);

CHECK(sizeof(struct akida_power) == 64);
AT(akida_power, size, 0);
AT(akida_power, flags, 4);
AT(akida_power, samples_ptr, 8);
AT(akida_power, capacity, 16);
AT(akida_power, count, 20);
AT(akida_power, waiting, 24);
AT(akida_power, dropped, 28);
AT(akida_power, floor_uw, 32);
AT(akida_power, newest_uw, 36);
AT(akida_power, energy_uj, 40);
AT(akida_power, reserved0, 48);
AT(akida_power, reserved1, 56);

CHECK(sizeof(struct akida_cancel) == 24);
AT(akida_cancel, size, 0);
AT(akida_cancel, flags, 4);
AT(akida_cancel, context, 8);
AT(akida_cancel, reserved0, 12);
AT(akida_cancel, seq, 16);

CHECK(sizeof(struct akida_uring_cmd) == 16);
AT(akida_uring_cmd, arg_ptr, 0);
AT(akida_uring_cmd, wait_ptr, 8);

CHECK(sizeof(struct akida_buffer_export) == 16);
AT(akida_buffer_export, size, 0);
AT(akida_buffer_export, flags, 4);
AT(akida_buffer_export, handle, 8);
AT(akida_buffer_export, dmabuf, 12);

CHECK(sizeof(struct akida_clock) == 32);
AT(akida_clock, size, 0);
AT(akida_clock, flags, 4);
AT(akida_clock, mode, 8);
AT(akida_clock, modes, 12);
AT(akida_clock, khz, 16);
AT(akida_clock, floor_uw, 20);
AT(akida_clock, reserved0, 24);

CHECK(AKIDA_IOC_QUERY == 0xc000bc00);
CHECK(AKIDA_IOC_BUFFER_CREATE == 0xc000bc01);
CHECK(AKIDA_IOC_BUFFER_DESTROY == 0xc000bc02);
CHECK(AKIDA_IOC_PROGRAM_CREATE == 0xc000bc03);
CHECK(AKIDA_IOC_PROGRAM_DESTROY == 0xc000bc04);
CHECK(AKIDA_IOC_CONTEXT_CREATE == 0xc000bc05);
CHECK(AKIDA_IOC_CONTEXT_DESTROY == 0xc000bc06);
CHECK(AKIDA_IOC_SUBMIT == 0xc000bc07);
CHECK(AKIDA_IOC_WAIT == 0xc000bc08);
CHECK(AKIDA_IOC_RESET == 0xc000bc09);
CHECK(AKIDA_IOC_POWER == 0xc000bc0a);
CHECK(AKIDA_IOC_CANCEL == 0xc000bc0b);
CHECK(AKIDA_IOC_BUFFER_EXPORT == 0xc000bc0c);
CHECK(AKIDA_IOC_CLOCK == 0xc000bc0d);
