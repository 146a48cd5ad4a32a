# The fault suite's network: the proxy, the scripted broker, and the rows of RELIABILITY.md 8.3 that
# need them.
if(NOT RBIT_TEST_PYTHON)
  return()
endif()

foreach(tool faultproxy fake_broker)
  add_test(NAME ${tool}
           COMMAND ${RBIT_TEST_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/faults/test_${tool}.py)
  set_tests_properties(${tool} PROPERTIES LABELS suite TIMEOUT 120)
endforeach()
