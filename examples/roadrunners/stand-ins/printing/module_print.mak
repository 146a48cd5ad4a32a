# Stand-in: make -e -f module_print.mak ID.pdf, with VERSION, PYTHON, PRINT_DIR and HOST.
PRINT_DIR = .
PYTHON = python

%.pdf:
	$(PYTHON) $(PRINT_DIR)/../text2pdf $@ "Module $*" "Version $(VERSION)" "From $(HOST)"
