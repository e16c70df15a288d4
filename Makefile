# Builds build/instar: one static program with the guests inside it.
#
#   make            build/instar
#   make demo       sets up the machine, builds, converts a real image
#   make test       sets up the machine, builds, runs every test
#   make lint       formatting, static analysis, architecture checks
#   make bench      measures against the real qemu-img
#   make install    into $(DESTDIR)$(PREFIX)
#
# Everything made goes to build/. The tree is the registry: a format is the
# folder lib/format/<name>, an operation the folder guest/op/<name>.

PREFIX  ?= /usr/local
DESTDIR ?=
CXX     := g++
CC      := gcc
AR      := gcc-ar
.DEFAULT_GOAL := build/instar
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# ---- Flags -------------------------------------------------------------------

warnings := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow \
            -Wold-style-cast -Wcast-qual -Wcast-align -Wimplicit-fallthrough \
            -Wswitch-enum -Wvla -Walloca -Wno-missing-field-initializers -Werror
include  := -I. -Ibuild
common   := -std=c++20 -g $(include) -MD -MP

freestanding := -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics \
                -fno-use-cxa-atexit -fno-pic -no-pie -fno-stack-protector \
                -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
guest_cxxflags := $(common) -D_GLIBCXX_ASSERTIONS $(freestanding) $(warnings) \
                  -Wframe-larger-than=16384
host_cxxflags  := $(common) -O2 -fno-pic -no-pie -ffunction-sections \
                  -fdata-sections -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE $(warnings)
test_cxxflags  := $(common) -O1 -fsanitize=address,undefined \
                  -fno-sanitize-recover=all -D_GNU_SOURCE $(warnings)

# ---- Sources: found, not listed ------------------------------------------------

find_cc   = $(sort $(shell find $(1) -name '*.cc' -not -name '*_test.cc' 2>/dev/null))
lib_src   := $(call find_cc,lib)
rt_src    := $(call find_cc,guest/rt)
convert_src := $(call find_cc,guest/convert)
ops       := $(sort $(notdir $(wildcard guest/op/*)))
host_src  := $(call find_cc,cmd vmm compat)
test_src  := $(sort $(shell find lib vmm compat cmd tests/unit -name '*_test.cc' 2>/dev/null)) \
             $(call find_cc,tests/support)
readers   := $(sort $(patsubst lib/format/%/reader.cc,%,$(wildcard lib/format/*/reader.cc)))
checkers  := $(sort $(patsubst lib/format/%/checker.cc,%,$(wildcard lib/format/*/checker.cc)))
repairers := $(sort $(patsubst lib/format/%/repairer.cc,%,$(wildcard lib/format/*/repairer.cc)))
layerings := $(sort $(patsubst lib/format/%/layering.cc,%,$(wildcard lib/format/*/layering.cc)))
measurers := $(sort $(patsubst lib/format/%/measure.cc,%,$(wildcard lib/format/*/measure.cc)))
writers   := $(sort $(patsubst lib/format/%/writer.cc,%,$(wildcard lib/format/*/writer.cc)))

gen := build/gen/fault.h build/gen/readers.inc build/gen/writers.inc build/gen/checkers.inc \
       build/gen/repairers.inc \
       build/gen/measurers.inc \
       build/gen/layerings.inc \
       build/gen/guest.pb.h build/gen/guest.npb.h

# ---- Generated ----------------------------------------------------------------

build/gen/.dir:
	@mkdir -p build/gen && touch $@

# The faults, for code that must not know protobuf: FAULT_NO_MEMORY = 2 in the
# .proto becomes kNoMemory = 2. The .proto is the only place where they stand.
build/gen/fault.h: proto/guest.proto build/fault.awk | build/gen/.dir
	@awk -f build/fault.awk $< > $@

build/fault.awk: Makefile | build/gen/.dir
	@printf '%s\n' \
	 'BEGIN { print "// Made from proto/guest.proto.\n#pragma once\n#include <cstdint>\nnamespace instar {\nenum class Fault : uint32_t {" }' \
	 '/^  FAULT_[A-Z0-9_]+ = [0-9]+;/ { n = split(substr($$1, 7), w, "_"); s = "k";' \
	 '  for (i = 1; i <= n; i++) s = s substr(w[i], 1, 1) tolower(substr(w[i], 2));' \
	 '  v = $$3; sub(/;.*/, "", v); print "  " s " = " v "," }' \
	 'END { print "};\n}  // namespace instar" }' > $@

# A registry names every folder that has the file. It is rewritten only when
# its content changes, so that removing a folder rebuilds what listed it.
define registry
	@{ for f in $(2); do echo "namespace $$f { extern const $(1) $(or $(3),k$(1)); }"; done; \
	   echo "inline constexpr const $(1)* k$(1)s[] = {"; \
	   for f in $(2); do echo "    &$$f::$(or $(3),k$(1)),"; done; $(if $(2),,echo "    nullptr,";) echo "};"; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
endef
build/gen/readers.inc: FORCE | build/gen/.dir
	$(call registry,Reader,$(readers))
build/gen/writers.inc: FORCE | build/gen/.dir
	$(call registry,Writer,$(writers))
build/gen/checkers.inc: FORCE | build/gen/.dir
	$(call registry,Checker,$(checkers))
build/gen/repairers.inc: FORCE | build/gen/.dir
	$(call registry,Repairer,$(repairers))
build/gen/layerings.inc: FORCE | build/gen/.dir
	$(call registry,Layering,$(layerings))
build/gen/measurers.inc: FORCE | build/gen/.dir
	$(call registry,Measurer,$(measurers))
FORCE:

build/gen/guest.pb.h build/gen/guest.pb.cc &: proto/guest.proto | build/gen/.dir
	@protoc -Iproto --cpp_out=build/gen $<
build/gen/guest.npb.h build/gen/guest.npb.c &: proto/guest.proto proto/guest.options | build/gen/.dir
	@cd proto && protoc --nanopb_out="--extension=.npb -q:../build/gen" guest.proto

# ---- Guests -------------------------------------------------------------------

# What looks at every byte, or at every cluster of an image at once, is made
# fast; the rest, code for metadata and requests, is made small, as there is
# little room for so many formats.
fast := lib/base/% lib/codec/% lib/convert/equal.cc lib/convert/split.cc guest/rt/libc.cc \
        $(addprefix lib/format/qcow2/,cluster_tree.cc l2_entry.cc page_cache.cc \
          refcount_field.cc refcount_runs.cc refcounts.cc table_store.cc)
build/guest/%.o: %.cc $(gen) Makefile
	@mkdir -p $(@D)
	@echo "guest $<"
	@$(CXX) $(guest_cxxflags) $(if $(filter $(fast),$<),-O2,-Os) -c $< -o $@
build/guest/npb.o: build/gen/guest.npb.c build/gen/guest.npb.h Makefile
	@mkdir -p $(@D)
	@$(CC) -O2 -Ibuild/gen $(filter-out -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit,$(freestanding)) -c $< -o $@

build/guest/lib.a: $(lib_src:%.cc=build/guest/%.o)
	@rm -f $@ && $(AR) rcs $@ $^
# What the operations that write images have in common.
build/guest/convert.a: $(convert_src:%.cc=build/guest/%.o)
	@rm -f $@ && $(AR) rcs $@ $^
build/guest/rt.a: $(rt_src:%.cc=build/guest/%.o) build/guest/npb.o
	@rm -f $@ && $(AR) rcs $@ $^

codec_libs := -ldeflate -lz -lzstd
guest_libs := -lprotobuf-nanopb $(codec_libs)

# Bytes of a guest in memory. Those of `wide` read every format and write most of
# them; the one that packs has the compressors besides.
wide        := pack convert commit rebase resize bench
guest_limit := 0x60000
wide_limit  := 0xa0000

# $(1): the image's file, $(2): its objects
define link_image
	@mkdir -p $(dir $(1))
	@echo "image $(1)"
	@$(CXX) -nostdlib -static -no-pie -Wl,--no-undefined -Wl,--gc-sections -Wl,--build-id=none \
	  -Wl,--defsym=image_limit=$(if $(filter $(wide:%=build/image/%.elf),$(1)),$(wide_limit),$(guest_limit)) \
	  -Wl,-z,norelro -Wl,-z,noexecstack -Wl,-T,guest/image.ld -o $(1) $(2) \
	  -Wl,--start-group build/guest/convert.a build/guest/rt.a build/guest/lib.a $(guest_libs) -Wl,--end-group
endef
# An operation has the writers that its file `writers` names, or all; what it
# names and does not exist (yet) it does without. Those of a file `editors` make
# no images: they write to images that are there.
define op_rules
build/image/$(1).elf: $$(patsubst %.cc,build/guest/%.o,$$(sort $$(wildcard guest/op/$(1)/*.cc))) \
                      $(if $(wildcard guest/op/$(1)/writers guest/op/$(1)/editors),build/guest/gen/writers_$(1).o) \
                      build/guest/convert.a build/guest/rt.a build/guest/lib.a guest/image.ld
	$$(call link_image,$$@,$$(filter %.o,$$^))
endef
$(ops:%=build/gen/writers_%.inc): build/gen/writers_%.inc: FORCE | build/gen/.dir
	$(call registry,Writer,$(filter $(writers),$(shell cat guest/op/$*/writers guest/op/$*/editors 2>/dev/null)),$(if $(wildcard guest/op/$*/editors),kEditor,kWriter))
build/guest/gen/writers_%.o: build/gen/writers_%.inc lib/format/writers.cc
	@mkdir -p $(@D)
	@$(CXX) $(guest_cxxflags) -Os -DWRITERS_INC='"gen/writers_$*.inc"' -c lib/format/writers.cc -o $@
$(foreach op,$(ops),$(eval $(call op_rules,$(op))))

build/image/%.o: build/image/%.elf
	@strip -o build/image/$*.stripped $<
	@printf '.section .rodata\n.balign 16\n.globl image_$*_begin, image_$*_end\nimage_$*_begin: .incbin "build/image/$*.stripped"\nimage_$*_end:\n.section .note.GNU-stack,"",@progbits\n' > build/image/$*.S
	@$(CC) -c build/image/$*.S -o $@

# ---- Host ---------------------------------------------------------------------

build/host/%.o: %.cc $(gen) Makefile
	@mkdir -p $(@D)
	@echo "host  $<"
	@$(CXX) $(host_cxxflags) -c $< -o $@
build/host/guest.pb.o: build/gen/guest.pb.cc build/gen/guest.pb.h Makefile
	@mkdir -p $(@D)
	@$(CXX) -std=c++20 -O2 -g -Ibuild/gen -ffunction-sections -fdata-sections -c $< -o $@

build/instar: $(host_src:%.cc=build/host/%.o) build/host/guest.pb.o $(ops:%=build/image/%.o)
	@echo "link  $@"
	@$(CXX) -static -no-pie -Wl,--gc-sections -o $@ $^ -lprotobuf-lite -lpthread

include tests/setup/setup.mk
include tests/demo/demo.mk
include tests/tests.mk
include tests/architecture/lint.mk
include fuzz/fuzz.mk

# Remade by hand only; everything below build/ can be deleted.
.PHONY: clean FORCE
clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
