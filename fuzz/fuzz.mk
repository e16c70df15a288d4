# libFuzzer targets, built with clang; included by the Makefile.
#
#   make fuzz-smoke       every target for a short while
#   make build/fuzz/format_fuzz && build/fuzz/format_fuzz build/fuzz/corpus/format

FUZZ_SECONDS ?= 20
fuzz_targets := $(sort $(notdir $(basename $(wildcard fuzz/*_fuzz.cc))))
fuzz_flags   := $(common) -O1 -fsanitize=address,undefined \
                -fno-sanitize-recover=all -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
                -Wall -Wextra -Werror -Wno-unknown-attributes \
                -Wno-unknown-warning-option

build/fuzz/%.o: %.cc $(gen) fuzz/fuzz.mk
	@mkdir -p $(@D)
	@echo "fuzz  $<"
	@clang++-14 $(fuzz_flags) -fsanitize=fuzzer-no-link -c $< -o $@
build/fuzz/guest.pb.o: build/gen/guest.pb.cc build/gen/guest.pb.h
	@mkdir -p $(@D)
	@clang++-14 -std=c++20 -O1 -Ibuild/gen -fsanitize=address -c $< -o $@

# The room that each target needs.
fuzz_format := $(lib_src) tests/support/memory_file.cc tests/support/panic.cc
fuzz_ring   := $(call find_cc,vmm)
fuzz_format_libs := -ldeflate -lz -lzstd
fuzz_ring_libs   := build/fuzz/guest.pb.o -lprotobuf-lite -lpthread

build/fuzz/format_fuzz: build/fuzz/fuzz/format_fuzz.o $(fuzz_format:%.cc=build/fuzz/%.o)
	@clang++-14 -fsanitize=fuzzer,address,undefined -o $@ $(filter %.o,$^) $(fuzz_format_libs)
build/fuzz/ring_fuzz: build/fuzz/fuzz/ring_fuzz.o $(fuzz_ring:%.cc=build/fuzz/%.o) build/fuzz/guest.pb.o
	@clang++-14 -fsanitize=fuzzer,address,undefined -o $@ \
	  $(filter-out build/fuzz/guest.pb.o,$(filter %.o,$^)) $(fuzz_ring_libs)

.PHONY: fuzz-smoke
fuzz-smoke: setup-lint
	@$(call parallel_make,$(fuzz_targets:%=build/fuzz/%))
	@for target in $(fuzz_targets); do \
	   fuzz/run.sh build/fuzz/$$target $(FUZZ_SECONDS) || exit 1; \
	 done
