# The page of the monitor: files, written as such, become one document that is compiled in.
set(page_dir ${PROJECT_SOURCE_DIR}/rbit/monitor/page)
set(page_parts ${page_dir}/page.html ${page_dir}/page.css ${page_dir}/output.js
               ${page_dir}/page.js)
set(page_code ${PROJECT_BINARY_DIR}/rbit_page_document.cpp)
add_custom_command(
  OUTPUT ${page_code}
  COMMAND ${CMAKE_COMMAND} -DPAGE_DIR=${page_dir} -DCODE=${page_code} -P ${page_dir}/put_together.cmake
  DEPENDS ${page_parts} ${page_dir}/put_together.cmake
  COMMENT "Putting the page together" VERBATIM)
target_sources(room_monitor PRIVATE ${page_code})
