#include "rbit/report/curl_library.h"

#include <dlfcn.h>

#include "rbit/base/result.h"

namespace rbit {

namespace {

/// Debian's two builds of it, with OpenSSL and with GnuTLS: one will be there.
constexpr const char* files[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

[[noreturn]] void fail() {
  const char* const why = ::dlerror();
  throw Fatal(ExitCode::internal, Error{files[0], why == nullptr ? "cannot be loaded" : why,
                                        "apt-get install libcurl4"});
}

/// For as long as the program lives: libcurl is never unloaded.
void* load() {
  for (const char* file : files)
    if (void* const handle = ::dlopen(file, RTLD_NOW | RTLD_LOCAL)) return handle;
  fail();
}

}  // namespace

CurlLibrary::Symbol CurlLibrary::find(const char* name) {
  static void* const library = load();
  void* const address = ::dlsym(library, name);
  if (address == nullptr) fail();
  return {address};
}

const CurlLibrary& curl() {
  static const CurlLibrary loaded = [] {
    CurlLibrary fresh;
    fresh.global_init(CURL_GLOBAL_DEFAULT);
    return fresh;
  }();
  return loaded;
}

}  // namespace rbit
