# Test rules; included by the Makefile.

# ---- Unit tests: hosted, with AddressSanitizer and UBSan ------------------------

build/test/%.o: %.cc $(gen) Makefile
	@mkdir -p $(@D)
	@echo "test  $<"
	@$(CXX) $(test_cxxflags) -c $< -o $@
build/test/guest.pb.o: build/gen/guest.pb.cc build/gen/guest.pb.h Makefile
	@mkdir -p $(@D)
	@$(CXX) -std=c++20 -O1 -g -fsanitize=address,undefined -Ibuild/gen -c $< -o $@

# Everything but main and the guests' own run time.
unit_src := $(test_src) $(lib_src) $(call find_cc,vmm compat)

build/unit_tests: $(unit_src:%.cc=build/test/%.o) build/test/guest.pb.o
	@echo "link  $@"
	@$(CXX) -fsanitize=address,undefined -o $@ $^ -lgtest_main -lgtest \
	  -lprotobuf-lite -ldeflate -lz -lzstd -lpthread
