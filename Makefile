# SPDX-License-Identifier: MIT
# Human targets: make help. Two folder lists build the two libraries and feed the include-order check (tests/lint).
B ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
OPT ?= -O2 -g
prefix ?= /usr/local
libdir ?= $(prefix)/lib
WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wundef
# Warnings are errors under CI only: a new compiler must not break a user's build.
WERROR := $(if $(CI),-Werror)
ALL_CFLAGS = -std=c11 $(OPT) $(WARN) $(WERROR) -fPIC -fno-semantic-interposition -MMD -MP $(CFLAGS) $(EXTRA_CFLAGS)
LIB_CPPFLAGS = -D_GNU_SOURCE -DAKIDA_BUILD -Ilibakida/include -Ilibakida -I. $(CPPFLAGS) $(EXTRA_CPPFLAGS)
# The tools see the public headers only; the compiler holds them to it.
TOOL_CPPFLAGS = -D_GNU_SOURCE -Ilibakida/include -Itools $(CPPFLAGS) $(EXTRA_CPPFLAGS)
ALL_LDFLAGS = $(LDFLAGS) $(EXTRA_LDFLAGS)
VERSION := $(shell sed -n 's/.*AKIDA_VERSION "\(.*\)"/\1/p' libakida/include/akida/version.h)
SOVERSION := 0

RUNTIME_DIRS := base layer kernels program device run stats
TOOLCHAIN_DIRS := graph import quant train snn convert map

RUNTIME_SRC := $(foreach d,$(RUNTIME_DIRS),$(wildcard libakida/$(d)/*.c libakida/$(d)/*/*.c)) \
	$(wildcard driver/core/*.c firmware/nsoc/*.c)
TOOLCHAIN_SRC := $(foreach d,$(TOOLCHAIN_DIRS),$(wildcard libakida/$(d)/*.c libakida/$(d)/*/*.c)) \
	$(wildcard libakida/toolchain.c)
RUNTIME_OBJ := $(RUNTIME_SRC:%.c=$(B)/obj/%.o)
# The messages of ONNX, made from its .proto of this system.
ONNX_PROTO ?= /usr/include/onnx/onnx.proto
ONNX_GEN := $(B)/gen/onnx.pb-c
TOOLCHAIN_OBJ := $(TOOLCHAIN_SRC:%.c=$(B)/obj/%.o) $(ONNX_GEN).o

# Debian keeps the serial HDF5 in a folder of its own; elsewhere pkg-config or the default paths find it.
HDF5_CPPFLAGS := $(if $(wildcard /usr/include/hdf5/serial/hdf5.h),-I/usr/include/hdf5/serial,$(shell pkg-config --cflags hdf5 2>/dev/null))
HDF5_LIBS := $(if $(wildcard /usr/include/hdf5/serial/hdf5.h),-lhdf5_serial,-lhdf5)
TOOLCHAIN_CPPFLAGS := $(HDF5_CPPFLAGS) -I$(B)/gen
TOOLCHAIN_LIBS := $(HDF5_LIBS) -lprotobuf-c -lsnappy -lcjson -lzip -lz -ldnnl -lgomp -lm

COMMON_SRC := $(wildcard tools/common/*.c)
AKIDA_SRC := $(wildcard tools/akida/*.c)
BENCH_SRC := $(wildcard tools/akida-bench/*.c)
COMMON_OBJ := $(COMMON_SRC:%.c=$(B)/obj/%.o)
AKIDA_OBJ := $(AKIDA_SRC:%.c=$(B)/obj/%.o)
BENCH_OBJ := $(BENCH_SRC:%.c=$(B)/obj/%.o)
TOOL_OBJ := $(COMMON_OBJ) $(AKIDA_OBJ) $(BENCH_OBJ)
MODELS := $(patsubst tools/akida-bench/models/%,$(B)/share/akida/models/%,$(wildcard tools/akida-bench/models/*.akm))
ALIASES := quantizeml cnn2snn akida_models

TEST_SRC := $(wildcard tests/unit/*/test_*.c)
TEST_BIN := $(TEST_SRC:tests/unit/%.c=$(B)/tests/%)

# make V=1 shows every command.
Q := $(if $(V),,@)
SAY := $(if $(V),@:,@printf '  %-4s %s\n')

# Targets that drive a build themselves use all cores, unless the caller already chose.
JOBS = $(if $(findstring -j,$(MAKEFLAGS))$(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
DEPS := tools/packaging/deps.sh

all: lib tools

## Libraries

lib: $(B)/.deps-build $(B)/lib/libakida.so $(B)/lib/libakida-tools.so $(B)/lib/libakida.a $(B)/lib/libakida-tools.a

# The runtime and the programs, for a machine without the toolchain's packages.
runtime: $(B)/lib/libakida.so $(B)/lib/libakida.a $(B)/bin/akida $(B)/bin/akida-bench links models

# Building never installs: it stops with the list of what is missing.
$(B)/.deps-build: $(DEPS)
	@sh $(DEPS) need build toolchain || { echo "or: make runtime (no toolchain: runs .akm, .akp and vendor programs)" >&2; exit 1; }
	@mkdir -p $(@D) && touch $@

$(B)/obj/libakida/%.o $(B)/obj/driver/%.o $(B)/obj/firmware/%.o: OBJ_CPPFLAGS = $(LIB_CPPFLAGS)
$(TOOLCHAIN_OBJ): OBJ_CPPFLAGS = $(LIB_CPPFLAGS) $(TOOLCHAIN_CPPFLAGS)
$(TOOLCHAIN_OBJ): | $(B)/.deps-build
$(TOOL_OBJ): OBJ_CPPFLAGS = $(TOOL_CPPFLAGS)
# The compute of today's back ends: vectorized by the compiler.
$(B)/obj/libakida/layer/semantics.o $(B)/obj/libakida/kernels/run.o: ALL_CFLAGS += -O3
# One file per instruction set; empty for other processors.
X86_64 := $(findstring x86_64,$(shell $(CC) -dumpmachine 2>/dev/null))
ifneq ($(X86_64),)
AVX512 := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512
$(B)/obj/libakida/kernels/x86/avx512vnni.o: ALL_CFLAGS += $(AVX512) -mavx512vnni
$(B)/obj/libakida/kernels/x86/avx512bw.o: ALL_CFLAGS += $(AVX512)
$(B)/obj/libakida/kernels/x86/avx2.o $(B)/obj/libakida/kernels/x86/avxvnni.o: ALL_CFLAGS += -O3 -mavx2
endif
ifneq ($(findstring aarch64,$(shell $(CC) -dumpmachine 2>/dev/null)),)
$(B)/obj/libakida/kernels/arm/neon.o: ALL_CFLAGS += -O3
$(B)/obj/libakida/kernels/arm/dotprod.o: ALL_CFLAGS += -O3 -march=armv8.2-a+dotprod
endif
# make leaves the backslash of \# in a function's argument alone.
HASH := \#
# io_uring where liburing's header is; its library is looked for at run time.
ifneq ($(shell printf '$(HASH)include <liburing.h>\n' | $(CC) -E -x c - >/dev/null 2>&1 && echo yes),)
URING_DEFS := -DAKIDA_LIBURING
$(B)/obj/libakida/device/uring.o: ALL_CFLAGS += $(URING_DEFS)
endif
# MPI likewise: OpenMPI's header where mpicc or Debian's path knows it.
MPI_CPPFLAGS := $(shell mpicc --showme:compile 2>/dev/null)
ifneq ($(shell printf '$(HASH)include <mpi.h>\nint a[OMPI_MAJOR_VERSION];\n' | $(CC) $(MPI_CPPFLAGS) -S -o /dev/null -x c - >/dev/null 2>&1 && echo yes),)
MPI_DEFS := -DAKIDA_OPENMPI $(MPI_CPPFLAGS:-I%=-isystem %)
$(B)/obj/libakida/train/ranks.o: ALL_CFLAGS += $(MPI_DEFS)
endif
# Readers of images, sound and XML where their headers are. What is left out says so when it is asked for.
has = $(shell printf '$(HASH)include <stdio.h>\n$(HASH)include <$(1)>\n' | $(CC) -E -x c - >/dev/null 2>&1 && echo yes)
DATA_DEFS := $(if $(call has,jpeglib.h),-DAKIDA_JPEG) $(if $(call has,png.h),-DAKIDA_PNG) $(if $(call has,sndfile.h),-DAKIDA_SNDFILE) \
	$(if $(call has,kissfft/kiss_fftr.h),-DAKIDA_KISSFFT) $(if $(call has,expat.h),-DAKIDA_EXPAT)
DATA_OBJ := $(filter $(B)/obj/libakida/import/sets/% $(B)/obj/libakida/import/dataset.o,$(TOOLCHAIN_OBJ))
$(DATA_OBJ): OBJ_CPPFLAGS = $(LIB_CPPFLAGS) $(TOOLCHAIN_CPPFLAGS) $(DATA_DEFS)
# A header installed or removed since the last build makes what looks for it again.
FOUND := $(strip $(URING_DEFS) $(MPI_DEFS) $(DATA_DEFS))
$(DATA_OBJ) $(B)/obj/libakida/device/uring.o $(B)/obj/libakida/train/ranks.o: $(B)/obj/found
ifneq ($(FOUND),$(strip $(file <$(B)/obj/found)))
.PHONY: $(B)/obj/found
endif
$(B)/obj/found:
	@mkdir -p $(@D)
	@printf '%s\n' '$(FOUND)' >$@
TOOLCHAIN_LIBS += $(if $(findstring JPEG,$(DATA_DEFS)),-ljpeg) $(if $(findstring PNG,$(DATA_DEFS)),-lpng) \
	$(if $(findstring SNDFILE,$(DATA_DEFS)),-lsndfile) $(if $(findstring KISSFFT,$(DATA_DEFS)),-lkissfft-float) \
	$(if $(findstring EXPAT,$(DATA_DEFS)),-lexpat) -lpthread
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OBJ_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(ONNX_GEN).c $(ONNX_GEN).h &: $(ONNX_PROTO) | $(B)/.deps-build
	@mkdir -p $(@D)
	$(SAY) GEN $(ONNX_GEN).c
	$(Q)protoc-c --proto_path=$(dir $(ONNX_PROTO)) --c_out=$(@D) $(notdir $(ONNX_PROTO))
$(ONNX_GEN).o: $(ONNX_GEN).c
	$(Q)$(CC) -w $(ALL_CFLAGS) -c -o $@ $<
$(filter $(B)/obj/libakida/import/%,$(TOOLCHAIN_OBJ)): | $(ONNX_GEN).h

$(B)/lib/libakida.a: $(RUNTIME_OBJ)
	@mkdir -p $(@D)
	$(SAY) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/lib/libakida-tools.a: $(TOOLCHAIN_OBJ)
	@mkdir -p $(@D)
	$(SAY) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# libakida.map shows akida_* to everybody and ak_* to the toolchain library of the same build only.
$(B)/lib/libakida.so.$(SOVERSION): $(RUNTIME_OBJ) libakida/libakida.map
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) -shared -Wl,-soname,libakida.so.$(SOVERSION) -Wl,--version-script=libakida/libakida.map \
		-Wl,-Bsymbolic-functions $(Z_DEFS) -o $@ $(RUNTIME_OBJ) $(ALL_LDFLAGS) -lm
$(B)/lib/libakida.so: $(B)/lib/libakida.so.$(SOVERSION)
	$(Q)ln -sf $(<F) $@
$(B)/lib/libakida-tools.so: $(TOOLCHAIN_OBJ) libakida/libakida-tools.map $(B)/lib/libakida.so
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) -shared -Wl,-soname,libakida-tools.so -Wl,--version-script=libakida/libakida-tools.map \
		-Wl,-Bsymbolic-functions $(Z_DEFS) -Wl,-rpath,'$$ORIGIN' -o $@ $(TOOLCHAIN_OBJ) $(ALL_LDFLAGS) -L$(B)/lib -lakida \
		$(TOOLCHAIN_LIBS)

## Programs

tools: $(B)/bin/akida $(B)/bin/akida-bench $(B)/lib/libakida-tools.so links models

$(B)/bin/akida: $(AKIDA_OBJ) $(COMMON_OBJ) $(B)/lib/libakida.so
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) -o $@ $(AKIDA_OBJ) $(COMMON_OBJ) $(ALL_LDFLAGS) -L$(B)/lib -lakida -Wl,-rpath,'$$ORIGIN/../lib' -lm -ldl
$(B)/bin/akida-bench: $(BENCH_OBJ) $(COMMON_OBJ) $(B)/lib/libakida.so
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) -o $@ $(BENCH_OBJ) $(COMMON_OBJ) $(ALL_LDFLAGS) -L$(B)/lib -lakida -Wl,-rpath,'$$ORIGIN/../lib' -lm -ldl
links: $(ALIASES:%=$(B)/bin/%)
$(ALIASES:%=$(B)/bin/%): $(B)/bin/akida
	$(Q)ln -sf akida $@
models: $(MODELS)
$(B)/share/akida/models/%: tools/akida-bench/models/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

## Unit tests: one cmocka program per file, linked to the static libraries so that internals are in reach

$(B)/tests/%: tests/unit/%.c $(B)/lib/libakida.a $(B)/lib/libakida-tools.a
	@mkdir -p $(@D)
	$(SAY) TEST $@
	$(Q)$(CC) $(LIB_CPPFLAGS) -Itools -Itests $(TOOLCHAIN_CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(ALL_LDFLAGS) \
		$(B)/lib/libakida-tools.a $(B)/lib/libakida.a $(TOOLCHAIN_LIBS) -lcmocka -lpthread -ldl
# The kernels against layer/ without cmocka, for a cross compiler and qemu-user: make check-arm.
$(B)/arm/kernels: tests/arm/kernels.c tests/bench/networks.c tests/unit/kernels/random_model.h $(B)/lib/libakida.a
	@mkdir -p $(@D)
	$(SAY) TEST $@
	$(Q)$(CC) -static $(LIB_CPPFLAGS) $(ALL_CFLAGS) -o $@ $(filter %.c %.a,$^) $(ALL_LDFLAGS) -lm -lpthread
unit-bin: $(TEST_BIN)
unit: $(TEST_BIN)
	@for t in $(TEST_BIN); do echo "== $$t"; $$t || exit 1; done

## Work on a fresh machine: these install what they need first

deps:
	@sh $(DEPS) install build uring toolchain data mpi test

bench:
	@sh $(DEPS) install build uring toolchain
	@$(MAKE) $(JOBS) --no-print-directory lib tools
	$(B)/bin/akida-bench -d virtual:akd1000 --save-json $(B)/bench.json

check check-unit check-asan check-cli check-golden check-build check-arm lint:
	@sh $(DEPS) install build uring toolchain test $(if $(filter check check-arm,$@),arm) $(if $(filter check check-unit check-asan check-cli,$@),data mpi)
	@[ $@ != check ] || $(MAKE) --no-print-directory check-kernel-ready
	@$(MAKE) $(JOBS) --no-print-directory lib tools unit-bin
	@MAKE='$(MAKE)' B='$(B)' sh tests/run.sh $@

# Real kernels under QEMU with the module and both emulated boards: tests/kernel/README.md. `make check` runs it too.
check-kernel: check-kernel-ready
	@B='$(B)' KERNELS='$(KERNELS)' LEGS='$(LEGS)' TESTS='$(TESTS)' sh tests/kernel/run.sh
check-kernel-ready:
	@sh $(DEPS) install build uring toolchain kernel
	@case "$(or $(KERNELS),arm64)" in *arm64*|all) sh $(DEPS) install kernel-arm64 ;; esac
	@case "$(KERNELS)" in *newest*|all) sh $(DEPS) install kernel-newest ;; esac
	@$(MAKE) $(JOBS) --no-print-directory lib models $(B)/kernel/host_cases
# The same on a kernel with KASAN, lockdep, kmemleak, UBSAN and DMA-API debug. The first time it builds that kernel.
check-kernel-debug:
	@sh $(DEPS) install build uring toolchain kernel kernel-debug
	@$(MAKE) $(JOBS) --no-print-directory lib models $(B)/kernel/host_cases
	@B='$(B)' KERNELS=debug LEGS='$(LEGS)' TESTS='$(TESTS)' sh tests/kernel/run.sh
$(B)/kernel/host_cases: tests/kernel/host_cases.c tests/kernel/guest/case.h $(B)/lib/libakida.a $(B)/lib/libakida-tools.a
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(LIB_CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(ALL_LDFLAGS) $(B)/lib/libakida-tools.a $(B)/lib/libakida.a \
		$(TOOLCHAIN_LIBS) -lpthread -ldl

# What the module costs a real kernel, on emulated boards: KERNELS=6.12 for another one.
bench-driver:
	@sh $(DEPS) install build uring toolchain kernel >&2
	@$(MAKE) $(JOBS) -s --no-print-directory lib models $(B)/kernel/host_cases >&2
	@B='$(B)' KERNELS='$(or $(KERNELS),6.1)' LEGS=bench sh tests/kernel/run.sh >&2
	@sed -n 's/^BENCH //p' $(B)/test-logs/kernel/*-bench.log

format:
	clang-format -i $$(git ls-files 'libakida/*.[ch]' 'tools/*.[ch]' 'firmware/*.[ch]' 'tests/*.[ch]')

docs: $(B)/tests/convert/test_layer_table
	$< --print > docs/layers.md
	sh tools/docs.sh encodings > docs/encodings.md
	sh tools/docs.sh rules > docs/rules.md

# akida.ko for the running kernel; KVER= and KDIR= choose another one.
KVER ?= $(shell uname -r)
KDIR ?= $(firstword $(wildcard /lib/modules/$(KVER)/build /usr/src/linux-headers-$(KVER)))
module:
	@[ -d "$(KDIR)" ] || { echo "make module: no headers of kernel $(KVER): install linux-headers-$(KVER) or give KDIR=" >&2; exit 1; }
	@mkdir -p $(B)
	KDIR='$(KDIR)' sh tests/kernel/module.sh '$(KVER)' '$(abspath $(B))/akida.ko' $(if $(AKIDA_LEGACY),AKIDA_LEGACY=$(AKIDA_LEGACY))

# MODULE=staged: akida.ko is in B already.
module-install: $(if $(MODULE),,module)
	install -d $(DESTDIR)/lib/modules/$(KVER)/updates $(DESTDIR)$(udevdir)/rules.d $(DESTDIR)$(sysusersdir) \
		$(DESTDIR)/etc/modprobe.d
	install -m644 $(B)/akida.ko $(DESTDIR)/lib/modules/$(KVER)/updates
	install -m644 driver/60-akida.rules $(DESTDIR)$(udevdir)/rules.d
	install -m644 driver/sysusers-akida.conf $(DESTDIR)$(sysusersdir)/akida.conf
	[ -f $(DESTDIR)/etc/modprobe.d/akida.conf ] || install -m644 driver/modprobe-akida.conf $(DESTDIR)/etc/modprobe.d/akida.conf
	$(if $(DESTDIR),,depmod $(KVER))
udevdir ?= /usr/lib/udev
sysusersdir ?= /usr/lib/sysusers.d

# For DKMS: copy the folder to /usr/src, then dkms install akida/VERSION.
DKMS_TREE = $(B)/dkms/akida-$(VERSION)
dkms-tree:
	rm -rf $(DKMS_TREE)
	install -d $(DKMS_TREE)/driver/core $(DKMS_TREE)/uapi $(DKMS_TREE)/LICENSES
	install -m644 Kbuild $(DKMS_TREE)
	install -m644 driver/*.[ch] $(DKMS_TREE)/driver
	install -m644 driver/core/*.[ch] $(DKMS_TREE)/driver/core
	install -m644 uapi/akida.h $(DKMS_TREE)/uapi
	install -m644 LICENSES/* $(DKMS_TREE)/LICENSES
	sed 's|@version@|$(VERSION)|' driver/dkms.conf.in > $(DKMS_TREE)/dkms.conf

NOT_YET := deb soak mutate fuzz \
	check-docs check-deb check-image check-browser check-hw
$(NOT_YET):
	@echo "make $@: not available in this version" >&2; exit 1

## Benchmarks beside what users would pick instead

BENCH_LIB = $(B)/lib/libakida.a
BENCH_CPPFLAGS = -D_GNU_SOURCE -Ilibakida/include -Ilibakida -Itests/bench
KERNELS_BENCH_SRC := $(addprefix tests/bench/,kernels.c measure.c networks.c peer_onednn.c peer_xnnpack.c)
$(B)/bench/kernels: $(KERNELS_BENCH_SRC) $(wildcard tests/bench/*.h) $(BENCH_LIB)
	@mkdir -p $(@D)
	$(SAY) BIN $@
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -fopenmp $(BENCH_CPPFLAGS) $(KERNELS_BENCH_SRC) $(BENCH_LIB) -o $@ -ldnnl -lXNNPACK \
		-lpthreadpool -lpthread -lm

# make -s bench-kernels [T=1,2] [BATCH=1,32] [NETS=W1,..] [BITS=8,4,84] [AKIDA_ISA=avx2]; RUNNER="chrt -f 10" on a busy machine
bench-kernels:
	@sh $(DEPS) install build uring bench >&2
	@$(MAKE) $(JOBS) -s --no-print-directory $(B)/bench/kernels >&2
	@$(RUNNER) $(B)/bench/kernels '$(NETS)' '$(T)' '$(BATCH)' '$(BITS)'

SESSIONS_BENCH_SRC := $(addprefix tests/bench/,sessions.c measure.c networks.c)
$(B)/bench/sessions: $(SESSIONS_BENCH_SRC) $(wildcard tests/bench/*.h) $(BENCH_LIB) $(B)/lib/libakida-tools.a
	@mkdir -p $(@D)
	$(SAY) BIN $@
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(BENCH_CPPFLAGS) $(SESSIONS_BENCH_SRC) $(B)/lib/libakida-tools.a $(BENCH_LIB) \
		-o $@ $(TOOLCHAIN_LIBS) -lpthread -ldl -lm

bench-sessions:
	@sh $(DEPS) install build uring toolchain bench >&2
	@$(MAKE) $(JOBS) -s --no-print-directory models $(B)/bench/sessions >&2
	@$(RUNNER) $(B)/bench/sessions $(B)/share/akida/models/mnist.akm

# From .h5 to .akp: seconds and memory of AkidaNet at 224; ends with 1 above 3 s, 400 MB or 2 s of mapping. ALPHA=0.5,1
$(B)/bench/convert: tests/bench/convert.c $(BENCH_LIB) $(B)/lib/libakida-tools.a
	@mkdir -p $(@D)
	$(SAY) BIN $@
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(BENCH_CPPFLAGS) $< $(B)/lib/libakida-tools.a $(BENCH_LIB) -o $@ $(TOOLCHAIN_LIBS) \
		-lpthread -ldl -lm
bench-convert:
	@sh $(DEPS) install build uring toolchain >&2
	@$(MAKE) $(JOBS) -s --no-print-directory $(B)/bench/convert >&2
	@folder=$$(mktemp -d) && $(B)/bench/convert $$folder $(or $(subst $(comma), ,$(ALPHA)),0.5 1); status=$$?; rm -rf $$folder; exit $$status

# Training speed beside a trainer made of oneDNN primitives, and torch where it is installed: T=1,2 ROUNDS=3 PEERS=DIR.
$(B)/bench/train: tests/bench/train.c tests/bench/measure.c tests/bench/measure.h $(B)/lib/libakida.a $(B)/lib/libakida-tools.a
	@mkdir -p $(@D)
	$(SAY) BIN $@
	$(Q)$(CC) $(LIB_CPPFLAGS) -Itests/bench $(filter-out -MMD -MP,$(ALL_CFLAGS)) -o $@ $(filter %.c,$^) $(ALL_LDFLAGS) \
		$(B)/lib/libakida-tools.a $(B)/lib/libakida.a $(TOOLCHAIN_LIBS) -lpthread -ldl

bench-train:
	@sh $(DEPS) install build uring toolchain >&2
	@$(MAKE) $(JOBS) -s --no-print-directory $(B)/bench/train >&2
	@B='$(abspath $(B))' T='$(T)' PEERS='$(PEERS)' ROUNDS='$(ROUNDS)' RUNNER='$(RUNNER)' sh tests/bench/train.sh

## The cost model: fits its parameters to published figures, prints the error table of docs/cost-model.md

$(B)/cost/fit: tests/cost/fit.c $(wildcard tests/cost/*.h) $(B)/lib/libakida.a $(B)/lib/libakida-tools.a
	@mkdir -p $(@D)
	$(SAY) BIN $@
	$(Q)$(CC) $(LIB_CPPFLAGS) -Itests $(filter-out -MMD -MP,$(ALL_CFLAGS)) -o $@ $< $(ALL_LDFLAGS) $(B)/lib/libakida-tools.a \
		$(B)/lib/libakida.a $(TOOLCHAIN_LIBS) -lpthread -ldl
fit-cost:
	@sh $(DEPS) install build uring toolchain >&2
	@$(MAKE) $(JOBS) -s --no-print-directory $(B)/cost/fit >&2
	@$(B)/cost/fit

# Instructions a frame takes on AArch64, by qemu-user. NETS=W1,W2,W3: W3 takes minutes.
count-arm:
	@sh $(DEPS) install build arm >&2
	@$(MAKE) $(JOBS) -s --no-print-directory B=build-arm CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar build-arm/arm/kernels >&2
	@sh tests/arm/count.sh build-arm/arm/kernels $(subst $(comma), ,$(or $(NETS),W1,W2))
comma := ,

## Installing

install: lib tools
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(prefix)/include/akida \
		$(DESTDIR)$(prefix)/share/akida/models $(DESTDIR)$(prefix)/share/man/man1
	install -m755 $(B)/bin/akida $(B)/bin/akida-bench $(DESTDIR)$(prefix)/bin
	for a in $(ALIASES); do ln -sf akida $(DESTDIR)$(prefix)/bin/$$a; done
	install -m755 $(B)/lib/libakida.so.$(SOVERSION) $(B)/lib/libakida-tools.so $(DESTDIR)$(libdir)
	ln -sf libakida.so.$(SOVERSION) $(DESTDIR)$(libdir)/libakida.so
	install -m644 $(B)/lib/libakida.a $(DESTDIR)$(libdir)
	install -m644 libakida/include/akida/*.h $(DESTDIR)$(prefix)/include/akida
	sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@version@|$(VERSION)|' libakida/akida.pc.in \
		> $(DESTDIR)$(libdir)/pkgconfig/akida.pc
	for m in $(MODELS); do install -m644 $$m $(DESTDIR)$(prefix)/share/akida/models; done
	install -m644 tools/man/*.1 $(DESTDIR)$(prefix)/share/man/man1

clean:
	rm -rf $(B) build-*

help:
	@echo "make                build the libraries and the programs (build/lib, build/bin)"
	@echo "make bench          install what is missing, build, run the main job on virtual:akd1000, write build/bench.json"
	@echo "make check          every test that needs no board; ends with N passed, N failed, N skipped"
	@echo "make check-unit | check-asan | check-cli | check-golden | check-build | check-arm | lint      parts of it"
	@echo "make check-kernel   real kernels in QEMU with the module and both emulated boards; KERNELS='6.1 6.1-arm64 6.12'|all LEGS= TESTS="
	@echo "make check-kernel-debug   the same on a kernel with KASAN, lockdep and more, which the first run builds"
	@echo "make -s bench-kernels    the cpu device beside oneDNN and XNNPACK; T=1,2 BATCH=1,32 NETS=W1,W2,W3,W4a,W4b,W4c BITS=8,4,84"
	@echo "make -s bench-sessions   load, memory, threads, software NSoC beside the cpu device, sparse activations"
	@echo "make -s bench-convert    seconds and memory from a quantized AkidaNet in .h5 to its .akp; ALPHA=0.5,1"
	@echo "make -s bench-train      training beside oneDNN's trainer, and torch where it is there; T=1,2 ROUNDS=3 PEERS=DIR"
	@echo "make -s fit-cost    fit the cost model to published figures, print its errors (docs/cost-model.md)"
	@echo "make -s bench-driver     system calls, interrupts, doorbells and CPU time for each MiB, in a real kernel; KERNELS=6.1"
	@echo "make -s count-arm        instructions of a frame on AArch64, by qemu-user; NETS=W1,W2"
	@echo "make module         akida.ko for the running kernel (KVER= or KDIR= for another)"
	@echo "make module-install DESTDIR=    it, the udev rule, the group; make dkms-tree    sources for DKMS in build/dkms"
	@echo "make deps           install what building and testing need (apt; without root: print the list)"
	@echo "make lib | tools | runtime     libraries; programs; both without the toolchain"
	@echo "make unit           build and run the unit tests, stop at the first failing program"
	@echo "make format         clang-format the user-space sources; make docs: the tables of docs/ that come from them"
	@echo "make install DESTDIR= prefix=/usr/local          make clean"
	@echo "variables: B=build CC=gcc V=1 OPT='-O2 -g' EXTRA_CFLAGS= EXTRA_LDFLAGS= CI=true (warnings are errors, nothing is left out)"
	@echo "not available in this version: $(NOT_YET)"

print-%:
	@echo '$($*)'

.PHONY: module module-install dkms-tree all lib runtime tools links models unit unit-bin deps bench check check-unit check-asan check-cli check-golden \
	check-build check-arm check-kernel check-kernel-ready check-kernel-debug lint format docs install clean help bench-kernels bench-sessions bench-convert bench-train count-arm fit-cost bench-driver $(NOT_YET)
.DELETE_ON_ERROR:
-include $(RUNTIME_OBJ:.o=.d) $(TOOLCHAIN_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(TEST_BIN:=.d)
