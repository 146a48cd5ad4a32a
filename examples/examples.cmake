# The example plugins, built as their authors would: against rbit::plugin and nothing else of ours.
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
add_subdirectory(${PROJECT_SOURCE_DIR}/examples/plugin-c ${PROJECT_BINARY_DIR}/examples/plugin-c)
add_subdirectory(${PROJECT_SOURCE_DIR}/examples/plugin-cpp ${PROJECT_BINARY_DIR}/examples/plugin-cpp)
unset(CMAKE_LIBRARY_OUTPUT_DIRECTORY)

if(RBIT_BUILD_TESTS AND BUILD_TESTING)
  # Runners that misbehave, each in its own way, for the tests.
  add_library(naughty MODULE ${PROJECT_SOURCE_DIR}/tests/support/plugins/naughty.cpp
                             ${PROJECT_SOURCE_DIR}/tests/support/plugins/given.cpp
                             ${PROJECT_SOURCE_DIR}/tests/support/plugins/leaves.cpp
                             ${PROJECT_SOURCE_DIR}/tests/support/plugins/misfits.c
                             ${PROJECT_SOURCE_DIR}/tests/support/plugins/sends.cpp)
  target_link_libraries(naughty PRIVATE rbit::plugin Threads::Threads)
  set_target_properties(naughty PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden)
  # One as it was built years ago.
  add_library(old_plugin MODULE ${PROJECT_SOURCE_DIR}/tests/support/plugins/old.cpp)
  target_include_directories(old_plugin PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/plugins/abi-1.0)
  target_compile_features(old_plugin PRIVATE cxx_std_17)
  set_target_properties(old_plugin PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests CXX_VISIBILITY_PRESET hidden)
endif()
