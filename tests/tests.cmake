# The tests. A unit test of a room links the room, what that may include and nothing else, so that
# the build guards the house's walls.
if(NOT RBIT_BUILD_TESTS OR NOT BUILD_TESTING)
  return()
endif()
find_package(doctest REQUIRED)
add_library(test_main OBJECT ${PROJECT_SOURCE_DIR}/tests/support/doctest_main.cpp)
target_link_libraries(test_main PUBLIC rbit_options doctest::doctest)

foreach(room base log amqp core config intake dispatch run journal report monitor app)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${room}/*_test.cpp)
  if(NOT sources OR NOT TARGET room_${room})
    continue()
  endif()
  add_executable(unit_${room} ${sources})
  set(objects)
  set(needed base log core ${room})
  if(room MATCHES "^(intake|report)$")
    list(APPEND needed amqp)
  elseif(room STREQUAL app)
    set(needed base log amqp core config intake dispatch run journal report monitor app)
  endif()
  list(REMOVE_DUPLICATES needed)
  foreach(one ${needed})
    if(TARGET room_${one})
      target_sources(unit_${room} PRIVATE $<TARGET_OBJECTS:room_${one}>)
      target_link_libraries(unit_${room} PRIVATE room_${one})
    endif()
  endforeach()
  target_sources(unit_${room} PRIVATE $<TARGET_OBJECTS:test_main>)
  target_link_libraries(unit_${room} PRIVATE test_main)
  target_compile_definitions(unit_${room} PRIVATE
    RBIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" RBIT_BINARY_DIR="${PROJECT_BINARY_DIR}")
  add_test(NAME unit_${room} COMMAND unit_${room})
  set_tests_properties(unit_${room} PROPERTIES LABELS unit TIMEOUT 600)
endforeach()

# Brokers that misbehave are played.
foreach(room amqp intake)
  if(TARGET unit_${room})
    target_sources(unit_${room} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/fake_broker.cpp)
  endif()
endforeach()

if(TARGET unit_config)
  target_sources(unit_config PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/config_reference.cpp)
endif()

# The room `run` is tested with real processes, and with the parts of rbit-leader that a fake
# machine can show.
if(TARGET unit_run)
  target_sources(unit_run PRIVATE ${PROJECT_SOURCE_DIR}/rbit/run/leader/cgroup_dir.cpp
                                  ${PROJECT_SOURCE_DIR}/rbit/run/leader/usage.cpp)
endif()
foreach(helper rbit-leader rbit-plugin-host hello naughty old_plugin)
  if(TARGET unit_run AND TARGET ${helper})
    add_dependencies(unit_run ${helper})
  endif()
endforeach()

include(${PROJECT_SOURCE_DIR}/tests/flow/flow.cmake)
include(${PROJECT_SOURCE_DIR}/tests/suites/suites.cmake)
include(${PROJECT_SOURCE_DIR}/tests/broker/broker.cmake)
include(${PROJECT_SOURCE_DIR}/tests/faults/faults.cmake)
if(NOT RBIT_FUZZ)
  include(${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.cmake)
endif()
include(${PROJECT_SOURCE_DIR}/tests/faults/disk.cmake)

# Prints what conf/rbit.ini and man/rbit.ini.5 must say of the keys (tests/unit/config compares).
add_executable(config_reference ${PROJECT_SOURCE_DIR}/tests/support/config_reference_main.cpp
                                ${PROJECT_SOURCE_DIR}/tests/support/config_reference.cpp)
foreach(room base log core config)
  target_sources(config_reference PRIVATE $<TARGET_OBJECTS:room_${room}>)
  target_link_libraries(config_reference PRIVATE room_${room})
endforeach()

# The same of what man/rbit-monitor.7 must say of the metrics.
add_executable(metric_reference ${PROJECT_SOURCE_DIR}/tests/support/metric_reference_main.cpp)
foreach(room base log core monitor)
  target_sources(metric_reference PRIVATE $<TARGET_OBJECTS:room_${room}>)
  target_link_libraries(metric_reference PRIVATE room_${room})
endforeach()

# The code looks as .clang-format says.
find_program(RBIT_CLANG_FORMAT clang-format)
add_test(NAME format COMMAND sh ${PROJECT_SOURCE_DIR}/tests/support/check_format.sh
                             "${RBIT_CLANG_FORMAT}" ${PROJECT_SOURCE_DIR})
set_tests_properties(format PROPERTIES LABELS unit SKIP_RETURN_CODE 77)

# What tests/run.sh builds: `units` is what CTest's labels unit, amqp and sanitized run, `programs`
# is what suites, broker and faults drive.
get_property(all_targets DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTY BUILDSYSTEM_TARGETS)
set(unit_targets ${all_targets})
list(FILTER unit_targets INCLUDE REGEX "^(unit_.*|flow|fuzz_.*)$")
set(helpers rbit rbit-leader rbit-plugin-host hello hello_c naughty old_plugin)
add_custom_target(units DEPENDS ${unit_targets} ${helpers} rbit-faulty fault_job)
set(driven rbit-faulty fault_job resolver_stub preload_clock rbit_preload rbit_leader_dynamic)
add_custom_target(programs DEPENDS ${helpers} ${driven})
