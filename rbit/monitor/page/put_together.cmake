# Run by the build: writes CODE, which holds the page in PAGE_DIR as bytes.
file(READ ${PAGE_DIR}/page.html page)
foreach(part page.css output.js page.js)
  file(READ ${PAGE_DIR}/${part} text)
  string(REPLACE "@${part}@" "${text}" page "${page}")
endforeach()
set(whole ${CODE}.html)
file(WRITE ${whole} "${page}")
file(READ ${whole} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${CODE} "// Made of rbit/monitor/page by the build.
#include <cstddef>
namespace rbit {
extern const unsigned char page_bytes[];
extern const std::size_t page_size;
const unsigned char page_bytes[] = {
${bytes}0};
const std::size_t page_size = sizeof page_bytes - 1;
}  // namespace rbit
")
