# rbit-leader: libc only, static, never sanitized, so that it starts in no time and starts jobs by
# vfork.
add_executable(rbit-leader
  rbit/run/leader/cgroup_dir.cpp
  rbit/run/leader/child.cpp
  rbit/run/leader/duty.cpp
  rbit/run/leader/host_state.cpp
  rbit/run/leader/leader_main.cpp
  rbit/run/leader/packet.cpp
  rbit/run/leader/record_file.cpp
  rbit/run/leader/sweep.cpp
  rbit/run/leader/usage.cpp)
target_include_directories(rbit-leader PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_options(rbit-leader PRIVATE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -O2 -fno-exceptions -fno-rtti
  -fno-threadsafe-statics -fno-asynchronous-unwind-tables
  -fstack-protector-strong -fstack-clash-protection
  $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
target_link_options(rbit-leader PRIVATE -static-pie -Wl,-z,relro,-z,now)
set_target_properties(rbit-leader PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
