# What tests/faults/disk_suite.py drives rbit with: the library that makes calls fail, and a leader
# that can be given it (rbit's own is static, and no library gets into it).
add_library(rbit_preload SHARED ${CMAKE_CURRENT_LIST_DIR}/preload/preload.c)
target_compile_options(rbit_preload PRIVATE -Wall -Wextra -O2 -fno-builtin -U_FORTIFY_SOURCE)
target_link_libraries(rbit_preload PRIVATE ${CMAKE_DL_LIBS})
set_target_properties(rbit_preload PROPERTIES
  C_EXTENSIONS ON LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/faults)

get_target_property(leader_sources rbit-leader SOURCES)
list(TRANSFORM leader_sources PREPEND ${PROJECT_SOURCE_DIR}/)
add_executable(rbit_leader_dynamic ${leader_sources})
target_include_directories(rbit_leader_dynamic PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_options(rbit_leader_dynamic PRIVATE -O2 -fno-exceptions -fno-rtti -fno-threadsafe-statics)
set_target_properties(rbit_leader_dynamic PROPERTIES
  OUTPUT_NAME rbit-leader RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/faults)

if(RBIT_TEST_PYTHON)
  function(rbit_disk_faults name lane)
    add_test(NAME faults_${name} COMMAND ${RBIT_TEST_PYTHON} -B
             ${PROJECT_SOURCE_DIR}/tests/faults/test_${name}.py)
    set_tests_properties(faults_${name} PROPERTIES
      LABELS faults TIMEOUT 900 COST 1000 SKIP_RETURN_CODE 77 RESOURCE_LOCK faults_${lane}
      ENVIRONMENT "RBIT_BINARY_DIR=${PROJECT_BINARY_DIR};RBIT_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
  endfunction()
  rbit_disk_faults(disk three)
  rbit_disk_faults(machine three)
  rbit_disk_faults(disk_broker one)
endif()
