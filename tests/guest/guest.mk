# The hostile guests and what runs them; included by tests/tests.mk.
#
#   make hostile     builds them and runs each in both jails

hostile_names := $(patsubst tests/guest/%/main.cc,%,$(sort $(wildcard tests/guest/*/main.cc)))
hostile_images := $(hostile_names:%=build/hostile/%.elf)
hostile_warnings := $(filter-out -Wcast-align -Wcast-qual,$(warnings)) -Wno-array-bounds -Wno-missing-field-initializers

build/hostile/%.o: tests/guest/%.cc Makefile tests/guest/guest.mk
	@mkdir -p $(@D)
	@$(CXX) $(common) -O2 $(freestanding) $(hostile_warnings) -c $< -o $@
build/hostile/%.elf: build/hostile/%/main.o build/hostile/start.o guest/image.ld
	@$(CXX) -nostdlib -static -no-pie -Wl,--no-undefined -Wl,--build-id=none -Wl,-z,norelro \
	  -Wl,-z,noexecstack -Wl,--defsym=image_limit=$(guest_limit) -Wl,-T,guest/image.ld -o $@ $(filter %.o,$^)

vmm_objects := $(patsubst %.cc,build/host/%.o,$(call find_cc,vmm))
build/hostile/runner: build/host/tests/guest/runner.o $(vmm_objects) build/host/guest.pb.o
	@mkdir -p $(@D)
	@echo "link  $@"
	@$(CXX) -static -no-pie -Wl,--gc-sections -o $@ $^ -lprotobuf-lite -lpthread

.PHONY: hostile
hostile: build/hostile/runner $(hostile_images)
	@tests/guest/run

# Kept, so that a second run builds nothing.
.SECONDARY: $(hostile_names:%=build/hostile/%/main.o) build/hostile/start.o
