# The fault suite's network: the proxy, the scripted broker, and the rows of RELIABILITY.md 8.3 that
# need them.
if(NOT RBIT_TEST_PYTHON)
  return()
endif()

add_test(NAME faultproxy
         COMMAND ${RBIT_TEST_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/faults/test_faultproxy.py)
set_tests_properties(faultproxy PROPERTIES LABELS suite TIMEOUT 120)
