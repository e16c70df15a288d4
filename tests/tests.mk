# Test rules; included by the Makefile.
#
#   make unit        builds and runs the unit tests
#   make test        sets up the machine, builds, runs every test
#   make bench       measures against the real qemu-img

# Bytes of images pass through lib/, which is made fast; of the rest the
# compiler's time counts for more than its own. The tests' own arithmetic needs
# no watching.
build/test/lib/%_test.o build/test/cmd/%.o build/test/compat/%.o \
  build/test/vmm/%.o build/test/tests/%.o: test_cxxflags += -O0
build/test/lib/%_test.o build/test/cmd/%_test.o build/test/compat/%_test.o \
  build/test/vmm/%_test.o build/test/tests/%.o: \
  test_cxxflags += -fno-sanitize=undefined
build/test/%.o: %.cc $(gen) Makefile
	@mkdir -p $(@D)
	@echo "test  $<"
	@$(CXX) $(test_cxxflags) -c $< -o $@

# Archives, so that a test links what it uses and no more of the program.
build/test/lib.a: $(lib_src:%.cc=build/test/%.o)
	@rm -f $@ && $(AR) rcs $@ $^
build/test/host.a: $(patsubst %.cc,build/test/%.o,$(filter-out cmd/main.cc,$(host_src)))
	@rm -f $@ && $(AR) rcs $@ $^

build/unit_tests: $(test_src:%.cc=build/test/%.o) build/test/host.a \
                  build/test/lib.a build/host/guest.pb.o
	@echo "link  $@"
	@$(CXX) -fsanitize=address,undefined -o $@ $^ -lgtest_main -lgtest \
	  -lprotobuf-lite $(codec_libs) -lpthread

.PHONY: unit test bench
unit: build/unit_tests
	@build/unit_tests --gtest_brief=1

include tests/guest/guest.mk
include tests/faults/faults.mk

# What tests/run needs to be built.
test_programs := build/instar build/unit_tests build/measure build/tracer \
                 build/hostile/runner $(hostile_images)

test: setup
	@$(call parallel_make,test-programs)
	@tests/run

.PHONY: test-programs
test-programs: $(test_programs)

include tests/bench/bench.mk
