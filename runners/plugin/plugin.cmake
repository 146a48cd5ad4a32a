# The plugin runner's host, and what authors of plugins build against: the target rbit::plugin here
# and, installed, through find_package(rbit) or pkg-config rbit-plugin. Headers only, so all of it
# goes where nothing depends on the architecture.
add_library(rbit_plugin INTERFACE)
add_library(rbit::plugin ALIAS rbit_plugin)
set_target_properties(rbit_plugin PROPERTIES EXPORT_NAME plugin)
target_include_directories(rbit_plugin INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runners/plugin/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# The check of a code file is the one that rbit has; nothing else of the house comes along: what the
# host links is in every plugin's way.
file(GLOB plugin_host_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runners/plugin/host/*.cpp)
add_executable(rbit-plugin-host
  ${PROJECT_SOURCE_DIR}/runners/plugin/rbit_plugin_host_main.cpp
  ${plugin_host_sources}
  ${PROJECT_SOURCE_DIR}/rbit/base/base64.cpp
  ${PROJECT_SOURCE_DIR}/rbit/base/json.cpp
  ${PROJECT_SOURCE_DIR}/rbit/base/trusted_path.cpp
  ${PROJECT_SOURCE_DIR}/rbit/base/secrets.cpp
  ${PROJECT_SOURCE_DIR}/rbit/base/text.cpp
  ${PROJECT_SOURCE_DIR}/rbit/core/task_message.cpp)
target_link_libraries(rbit-plugin-host PRIVATE
  rbit_options Boost::boost nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
set_target_properties(rbit-plugin-host PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

install(TARGETS rbit-plugin-host RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/rbit)
# Component `plugin`: what an author needs, which can be installed without the rest.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runners/plugin/include/rbit
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT plugin)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runners/python/rbit_host
                  ${PROJECT_SOURCE_DIR}/runners/python/rbit
                  ${PROJECT_SOURCE_DIR}/runners/python/coyote
        DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/rbit/python
        FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)

include(CMakePackageConfigHelpers)
set(plugin_package ${CMAKE_INSTALL_DATADIR}/cmake/rbit)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rbitConfigVersion.cmake
  COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(TARGETS rbit_plugin EXPORT rbit-plugin COMPONENT plugin)
install(EXPORT rbit-plugin NAMESPACE rbit:: FILE rbitConfig.cmake
        DESTINATION ${plugin_package} COMPONENT plugin)
install(FILES ${PROJECT_BINARY_DIR}/rbitConfigVersion.cmake
        DESTINATION ${plugin_package} COMPONENT plugin)

# The prefix is where the file is found, wherever the tree was moved to.
file(WRITE ${PROJECT_BINARY_DIR}/rbit-plugin.pc
"prefix=\${pcfiledir}/../..
includedir=\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}

Name: rbit-plugin
Description: Headers for plugins of rbit, the job runner
Version: ${PROJECT_VERSION}
Cflags: -I\${includedir}
")
install(FILES ${PROJECT_BINARY_DIR}/rbit-plugin.pc
        DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig COMPONENT plugin)
