# Stand-in: make -e -f course_print.mak ID.pdf, with VERSION, PYTHON, PRINT_DIR and HOST.
PRINT_DIR = .
PYTHON = python

%.pdf:
	$(PYTHON) $(PRINT_DIR)/../text2pdf $@ "Course $*" "Version $(VERSION)" "From $(HOST)"
