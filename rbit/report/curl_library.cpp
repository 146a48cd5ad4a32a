#include "rbit/report/curl_library.h"

#include <dlfcn.h>

#include "rbit/base/result.h"

namespace rbit {

namespace {

/// Debian's two builds of it, with OpenSSL and with GnuTLS: one will be there.
constexpr const char* files[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

/// For as long as the program lives: libcurl is never unloaded.
class Loader {
 public:
  Loader() {
    for (const char* file : files)
      if (handle_ == nullptr) handle_ = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) fail();
  }
  template <class Function>
  void find(Function& function, const char* name) const {
    void* const symbol = ::dlsym(handle_, name);
    if (symbol == nullptr) fail();
    function = reinterpret_cast<Function>(symbol);
  }

 private:
  [[noreturn]] static void fail() {
    const char* const why = ::dlerror();
    throw Fatal(ExitCode::internal, Error{files[0], why == nullptr ? "cannot be loaded" : why,
                                          "apt-get install libcurl4"});
  }
  void* handle_ = nullptr;
};

CurlLibrary load() {
  const Loader loader;
  decltype(&::curl_global_init) global_init = nullptr;
  loader.find(global_init, "curl_global_init");
  global_init(CURL_GLOBAL_DEFAULT);
  CurlLibrary curl{};
  loader.find(curl.easy_init, "curl_easy_init");
  loader.find(curl.easy_cleanup, "curl_easy_cleanup");
  loader.find(curl.easy_setopt, "curl_easy_setopt");
  loader.find(curl.easy_getinfo, "curl_easy_getinfo");
  loader.find(curl.easy_strerror, "curl_easy_strerror");
  loader.find(curl.multi_init, "curl_multi_init");
  loader.find(curl.multi_cleanup, "curl_multi_cleanup");
  loader.find(curl.multi_setopt, "curl_multi_setopt");
  loader.find(curl.multi_add_handle, "curl_multi_add_handle");
  loader.find(curl.multi_remove_handle, "curl_multi_remove_handle");
  loader.find(curl.multi_info_read, "curl_multi_info_read");
  loader.find(curl.multi_socket_action, "curl_multi_socket_action");
  return curl;
}

}  // namespace

const CurlLibrary& curl() {
  static const CurlLibrary loaded = load();
  return loaded;
}

}  // namespace rbit
