# Setting up the machine, and installing the program; included by the Makefile.

.PHONY: setup setup-lint install uninstall

# What the build and the tests need.
setup:
	@tests/setup/install-packages.sh build test

# What static analysis and fuzzing need on top of it.
setup-lint: setup
	@tests/setup/install-packages.sh lint

# Builds the targets $(1) with all processors, after a set-up that the
# makefile's own variables do not depend on.
parallel_make = $(MAKE) --no-print-directory \
  $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc)) $(1)

install: build/instar
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tests/setup/install-program.sh

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tests/setup/uninstall-program.sh
