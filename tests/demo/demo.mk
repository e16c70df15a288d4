# The demonstration; included by the Makefile.

.PHONY: demo
demo: setup
	@$(call parallel_make,build/instar)
	@tests/demo/demo.sh
