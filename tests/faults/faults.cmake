# The fault suite: real programs, real signals, a real broker.

# rbit of the same objects; failpoint() is the tests' own (rbit/base/failpoint.h).
add_executable(rbit-faulty ${PROJECT_SOURCE_DIR}/rbit/app/rbit_main.cpp
                           ${PROJECT_SOURCE_DIR}/tests/faults/failpoint_env.cpp)
target_link_libraries(rbit-faulty PRIVATE rbit_library)
set_target_properties(rbit-faulty PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

# What its jobs run.
add_executable(fault_job ${PROJECT_SOURCE_DIR}/tests/faults/fault_job.c)
set_target_properties(fault_job PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
set_target_properties(fault_job PROPERTIES C_EXTENSIONS ON)

# A resolver that hangs, for row 8.
add_library(resolver_stub MODULE ${PROJECT_SOURCE_DIR}/tests/faults/resolver_stub.c)
set_target_properties(resolver_stub PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
                                               C_EXTENSIONS ON)
target_link_libraries(resolver_stub PRIVATE ${CMAKE_DL_LIBS})

add_library(preload_clock MODULE ${PROJECT_SOURCE_DIR}/tests/faults/preload_clock.c)
set_target_properties(preload_clock PROPERTIES C_EXTENSIONS ON PREFIX ""
                      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

# Each part is a test; those of one lane follow one another, so that three of them run at once at
# most. The lanes take about as long, and the longest tests of a run begin first.
if(RBIT_TEST_PYTHON)
  function(rbit_faults part lane)
    add_test(NAME faults_${part} COMMAND ${RBIT_TEST_PYTHON} -B
             ${PROJECT_SOURCE_DIR}/tests/faults/run.py --part ${part})
    set_tests_properties(faults_${part} PROPERTIES
      LABELS "faults;${ARGN}" TIMEOUT 1500 COST 1000 SKIP_RETURN_CODE 77 RESOURCE_LOCK faults_${lane}
      ENVIRONMENT "RBIT_BINARY_DIR=${PROJECT_BINARY_DIR};RBIT_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
  endfunction()
  rbit_faults(kills one)
  rbit_faults(crash one)
  rbit_faults(network one)
  rbit_faults(broker two)
  rbit_faults(cuts two)
  rbit_faults(away two)
  rbit_faults(administration three)
  rbit_faults(helpers three)
  rbit_faults(front_end three)
  rbit_faults(sending three)
  # Of programs that the sanitizers look after, where they are built with them.
  rbit_faults(frames one sanitized)
  rbit_faults(model two sanitized)

  add_test(NAME faults_harness COMMAND ${RBIT_TEST_PYTHON} -B
           ${PROJECT_SOURCE_DIR}/tests/faults/test_checker.py)
  set_tests_properties(faults_harness PROPERTIES LABELS faults TIMEOUT 600)
  foreach(tool faultproxy fake_broker)
    add_test(NAME ${tool} COMMAND ${RBIT_TEST_PYTHON} -B
             ${PROJECT_SOURCE_DIR}/tests/faults/test_${tool}.py)
    set_tests_properties(${tool} PROPERTIES LABELS faults TIMEOUT 600)
  endforeach()
endif()
