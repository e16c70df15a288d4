# Formatting, static analysis and the architecture checks; included by the
# Makefile. A source is analysed again only when it, or what it includes, has
# changed: its stamp depends on its object file.

# Call graphs beside the guests' objects, for callgraph.py.
guest_cxxflags += -fcallgraph-info=su

lint_sources := $(shell find cmd compat vmm proto guest lib tests fuzz \
                  \( -name '*.h' -o -name '*.cc' \) -not -path '*/selftest/*')
tidy_guest   := $(lib_src) $(rt_src) $(convert_src) $(call find_cc,guest/op)
tidy_host    := $(host_src)
tidy_stamps  := $(tidy_guest:%.cc=build/lint/%.guest.tidy) \
                $(tidy_host:%.cc=build/lint/%.host.tidy)
tidy_config  := $(wildcard .clang-tidy compat/.clang-tidy lib/format/.clang-tidy)

# Flags that clang does not know are GCC's warnings and its call graphs.
tidy_flags = $(filter-out -fcallgraph-info% -MD -MP -Werror,$(1)) \
             -Wno-unknown-warning-option

.PHONY: lint lint-sources lint-architecture
lint: setup-lint
	@$(call parallel_make,build/instar lint-sources)
	@$(MAKE) --no-print-directory lint-architecture
	@echo "lint: ok"

lint-sources: build/lint/format.stamp $(tidy_stamps)

lint-architecture:
	@python3 -B tests/architecture/selftest/run.py
	@python3 -B tests/architecture/check.py

build/lint/format.stamp: $(lint_sources) .clang-format
	@mkdir -p $(@D)
	@clang-format-14 --dry-run -Werror $(if $(filter .clang-format,$?),$(lint_sources),$?)
	@touch $@

define tidy
	@mkdir -p $(@D)
	@echo "tidy  $<"
	@clang-tidy-14 --quiet $< -- $(call tidy_flags,$(1)) 2>$@.errors || \
	  { grep -v ' warnings\? generated\.$$' $@.errors; false; }
	@rm $@.errors
	@touch $@
endef
build/lint/%.guest.tidy: %.cc build/guest/%.o $(tidy_config)
	$(call tidy,$(guest_cxxflags))
build/lint/%.host.tidy: %.cc build/host/%.o $(tidy_config)
	$(call tidy,$(host_cxxflags))
