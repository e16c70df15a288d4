# libFuzzer targets, built with clang; included by the Makefile.
#
#   make fuzz-smoke                every target for a short while
#   make fuzz FUZZ_SECONDS=600     longer
#   make build/fuzz/format_qcow2 && build/fuzz/format_qcow2 build/fuzz/corpus/qcow2
#
# One target for each format that can be read, and one for the ring.

FUZZ_SECONDS ?= 6
fuzz_targets := $(readers:%=format_%) ring_fuzz
fuzz_flags   := $(common) -O1 -fsanitize=address,undefined \
                -fno-sanitize-recover=all -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
                -Wall -Wextra -Werror -Wno-unknown-attributes \
                -Wno-unknown-warning-option

build/fuzz/%.o: %.cc $(gen) fuzz/fuzz.mk
	@mkdir -p $(@D)
	@echo "fuzz  $<"
	@clang++-14 $(fuzz_flags) -fsanitize=fuzzer-no-link -c $< -o $@
build/fuzz/target_%.o: fuzz/format_fuzz.cc $(gen) fuzz/fuzz.mk
	@mkdir -p $(@D)
	@clang++-14 $(fuzz_flags) -fsanitize=fuzzer-no-link -DFUZZ_FORMAT='"$*"' -c $< -o $@
build/fuzz/guest.pb.o: build/gen/guest.pb.cc build/gen/guest.pb.h
	@mkdir -p $(@D)
	@clang++-14 -std=c++20 -O1 -Ibuild/gen -fsanitize=address -c $< -o $@

# The room that each target needs.
fuzz_format := $(lib_src) tests/support/memory_file.cc tests/support/panic.cc
fuzz_ring   := $(call find_cc,vmm)
fuzz_seeds  := $(call find_cc,tests/support/seeds) $(wildcard tests/support/*_seed.cc)

build/fuzz/format.a: $(fuzz_format:%.cc=build/fuzz/%.o)
	@rm -f $@ && $(AR) rcs $@ $^
$(readers:%=build/fuzz/format_%): build/fuzz/format_%: build/fuzz/target_%.o build/fuzz/format.a
	@clang++-14 -fsanitize=fuzzer,address,undefined -o $@ $^ $(codec_libs)
build/fuzz/ring_fuzz: build/fuzz/fuzz/ring_fuzz.o $(fuzz_ring:%.cc=build/fuzz/%.o) build/fuzz/guest.pb.o
	@clang++-14 -fsanitize=fuzzer,address,undefined -o $@ \
	  $(filter %.o,$^) -lprotobuf-lite -lpthread
build/fuzz/write_seeds: build/fuzz/fuzz/write_seeds.o $(fuzz_seeds:%.cc=build/fuzz/%.o) build/fuzz/format.a
	@clang++-14 -fsanitize=address,undefined -o $@ $^ $(codec_libs)

.PHONY: fuzz fuzz-smoke
fuzz fuzz-smoke: setup-lint
	@$(call parallel_make,build/fuzz/write_seeds $(fuzz_targets:%=build/fuzz/%))
	@build/fuzz/write_seeds build/fuzz/corpus
	@printf '%s\n' $(fuzz_targets:%=build/fuzz/%) | \
	  xargs -P "$$(nproc)" -I TARGET fuzz/run.sh TARGET $(FUZZ_SECONDS)
