# What interferes with file calls; included by tests/tests.mk.

tracer_src := $(wildcard tests/faults/*.cc)
build/tracer: $(tracer_src) $(wildcard tests/faults/*.h) Makefile
	@echo "link  $@"
	@$(CXX) -O2 -static -std=c++20 -D_GNU_SOURCE -I. $(warnings) -o $@ $(tracer_src)
