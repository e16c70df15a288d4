# What measures; included by tests/tests.mk.
#
#   make bench       against the real qemu-img, and what a jail costs

build/measure: tests/bench/measure.cc
	@echo "link  $@"
	@$(CXX) -O2 -static -std=c++20 $(warnings) -o $@ $<

probe_guests := $(patsubst tests/bench/guests/%/main.cc,build/probe_guests/%.elf,$(wildcard tests/bench/guests/*/main.cc))

build/probe_guests/%.o: tests/bench/guests/%.cc Makefile
	@mkdir -p $(@D)
	@$(CXX) $(common) -O2 $(freestanding) $(hostile_warnings) -c $< -o $@
build/probe_guests/%.elf: build/probe_guests/%/main.o build/hostile/start.o guest/image.ld
	@$(CXX) -nostdlib -static -no-pie -Wl,--no-undefined -Wl,--build-id=none -Wl,-z,norelro \
	  -Wl,-z,noexecstack -Wl,--defsym=image_limit=$(guest_limit) -Wl,-T,guest/image.ld -o $@ $(filter %.o,$^)
.SECONDARY: $(probe_guests:.elf=/main.o)

build/probe: build/host/tests/bench/probe.o $(vmm_objects) build/host/guest.pb.o
	@echo "link  $@"
	@$(CXX) -static -no-pie -Wl,--gc-sections -o $@ $^ -lprotobuf-lite -lpthread

bench_programs := build/instar build/measure build/probe $(probe_guests)
.PHONY: bench-programs
bench-programs: $(bench_programs)
bench: setup
	@$(call parallel_make,bench-programs)
	@tests/bench/bench.py
