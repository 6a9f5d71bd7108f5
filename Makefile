# SPDX-License-Identifier: MIT
# Human targets: make help. Two folder lists build the two libraries and feed the include-order check (design 2.1).
B ?= build
CC ?= gcc
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wundef
CPPFLAGS += -D_GNU_SOURCE -DAKIDA_BUILD -Ilibakida/include -Ilibakida -I. $(EXTRA_CPPFLAGS)
CFLAGS += -std=c11 $(OPT) $(WARN) -fPIC -fvisibility=hidden -MMD -MP $(EXTRA_CFLAGS)
LDFLAGS += $(EXTRA_LDFLAGS)

RUNTIME_DIRS := base layer kernels program device run stats
TOOLCHAIN_DIRS := graph import quant train snn convert map

RUNTIME_SRC := $(foreach d,$(RUNTIME_DIRS),$(wildcard libakida/$(d)/*.c libakida/$(d)/*/*.c)) \
	$(wildcard driver/core/*.c firmware/nsoc/*.c)
TOOLCHAIN_SRC := $(foreach d,$(TOOLCHAIN_DIRS),$(wildcard libakida/$(d)/*.c libakida/$(d)/*/*.c)) $(wildcard libakida/toolchain.c)
RUNTIME_OBJ := $(RUNTIME_SRC:%.c=$(B)/obj/%.o)
TOOLCHAIN_OBJ := $(TOOLCHAIN_SRC:%.c=$(B)/obj/%.o)
TOOLCHAIN_LIBS := -lhdf5_serial -lcjson -lzip -lz -ldnnl -lm
TOOLCHAIN_CPPFLAGS := -I/usr/include/hdf5/serial
TOOLCHAIN_LDFLAGS := -L/usr/lib/x86_64-linux-gnu/hdf5/serial

TEST_SRC := $(wildcard tests/unit/*/test_*.c)
TEST_BIN := $(TEST_SRC:tests/unit/%.c=$(B)/tests/%)

all: lib

lib: $(B)/lib/libakida.a $(B)/lib/libakida-tools.a

$(TOOLCHAIN_OBJ): CPPFLAGS += $(TOOLCHAIN_CPPFLAGS)
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/lib/libakida.a: $(RUNTIME_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && ar rcs $@ $^
$(B)/lib/libakida-tools.a: $(TOOLCHAIN_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && ar rcs $@ $^

# Unit tests: one cmocka program per file, linked to the static libraries so that internals are in reach.
$(B)/tests/%: tests/unit/%.c $(B)/lib/libakida.a $(B)/lib/libakida-tools.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(TOOLCHAIN_CPPFLAGS) $(CFLAGS) -o $@ $< $(LDFLAGS) $(TOOLCHAIN_LDFLAGS) \
		$(B)/lib/libakida-tools.a $(B)/lib/libakida.a $(TOOLCHAIN_LIBS) -lcmocka -lpthread -ldl
unit: $(TEST_BIN)
	@for t in $(TEST_BIN); do echo "== $$t"; $$t || exit 1; done

clean:
	rm -rf $(B)
.PHONY: all lib unit clean
-include $(RUNTIME_OBJ:.o=.d) $(TOOLCHAIN_OBJ:.o=.d)
