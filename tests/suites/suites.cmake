# The suites: they drive the programs of this build as a user would (python3, standard library only).
# Debian's python3 first: another one in the PATH would not see Debian's modules.
find_program(RBIT_TEST_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(RBIT_TEST_PYTHON python3)
if(NOT RBIT_TEST_PYTHON)
  message(STATUS "No python3: the suites and the broker tests are left out")
  return()
endif()

file(GLOB suites CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/suites/test_*.py)
foreach(suite ${suites})
  get_filename_component(name ${suite} NAME_WE)
  string(REGEX REPLACE "^test_" "suite_" name ${name})
  add_test(NAME ${name} COMMAND ${RBIT_TEST_PYTHON} -B ${suite})
  set_tests_properties(${name} PROPERTIES
    LABELS suite TIMEOUT 1800 SKIP_RETURN_CODE 77
    ENVIRONMENT "RBIT_BINARY_DIR=${PROJECT_BINARY_DIR};RBIT_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
endforeach()
