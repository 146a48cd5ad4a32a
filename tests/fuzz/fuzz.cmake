# The fuzz targets. With g++ (and everywhere else) they replay their corpus in the tests. With
#   cmake -DRBIT_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++
# they are libFuzzer programs: tests/fuzz/run.sh does all that.
set(fuzz_targets message ini runner_line event_lines headers journal_rows front_end schema
                 requests visitor)

# What the targets test and nothing else, so that it is built in a minute or two.
file(GLOB fuzz_sources CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/rbit/config/*.cpp ${PROJECT_SOURCE_DIR}/rbit/core/*.cpp
     ${PROJECT_SOURCE_DIR}/rbit/log/*.cpp)
foreach(one base/text base/text_width base/sha256 base/json base/asio base/database base/random base/time_text
            base/sqlite_codes base/trusted_path base/json_schema base/schema_check base/schema_plan
            base/schema_document base/schema_files base/schema_keywords base/text_pattern base/text_format
            base/notice base/complaint base/task amqp/wire base/secrets intake/request
            intake/message_part intake/command intake/amqp_message report/pybit_history
            app/job_filter monitor/form monitor/admission monitor/sessions
            journal/rows run/runner_line run/shell_rewrite run/second_shell run/foreign_code run/event_line
            run/job_environment)
  list(APPEND fuzz_sources ${PROJECT_SOURCE_DIR}/rbit/${one}.cpp)
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/rbit/${one}.cpp)  # in every build, else nobody hears of it
    message(FATAL_ERROR "tests/fuzz/fuzz.cmake names rbit/${one}.cpp, which is not there")
  endif()
endforeach()

if(RBIT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    message(FATAL_ERROR "RBIT_FUZZ needs libFuzzer: -DCMAKE_CXX_COMPILER=clang++")
  endif()
  add_library(fuzz_subject STATIC ${fuzz_sources})
  target_link_libraries(fuzz_subject PUBLIC rbit_options
    Boost::boost spdlog::spdlog nlohmann_json::nlohmann_json valijson SQLite::SQLite3 OpenSSL::Crypto
    PkgConfig::RABBITMQ Threads::Threads)
  # clang 14 cannot build coroutines with -fsanitize=function ("difference across sections").
  target_compile_options(fuzz_subject PUBLIC -O1 -g1 -fno-omit-frame-pointer
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function,vptr -fno-sanitize-recover=all)
  target_link_options(fuzz_subject PUBLIC -fsanitize=address,undefined)
endif()

foreach(target ${fuzz_targets})
  add_executable(fuzz_${target} ${CMAKE_CURRENT_LIST_DIR}/fuzz_${target}.cpp)
  if(RBIT_FUZZ)
    target_link_libraries(fuzz_${target} PRIVATE fuzz_subject)
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${target} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/replay_main.cpp)
    target_link_libraries(fuzz_${target} PRIVATE rbit_library)
    add_test(NAME fuzz_${target} COMMAND fuzz_${target} ${CMAKE_CURRENT_LIST_DIR}/corpus/${target})
    set_tests_properties(fuzz_${target} PROPERTIES LABELS unit TIMEOUT 600)
  endif()
endforeach()
