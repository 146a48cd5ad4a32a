#pragma once

// Its checks of variadic arguments are macros, which know nothing of functions in a table.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

namespace rbit {

/// libcurl's functions, under their names without `curl_`. It is loaded when it is first asked for,
/// not with the program: it brings two dozen libraries along, a quarter of the memory of an rbit
/// that has no front-end to tell.
struct CurlLibrary {
  /// What stands at a name, as the function that it is.
  struct Symbol {
    void* address;
    template <class Function>
    operator Function*() const {
      return reinterpret_cast<Function*>(address);
    }
  };
  /// Throws Fatal.
  static Symbol find(const char* name);

  decltype(&::curl_global_init) global_init = find("curl_global_init");
  decltype(&::curl_easy_init) easy_init = find("curl_easy_init");
  decltype(&::curl_easy_cleanup) easy_cleanup = find("curl_easy_cleanup");
  decltype(&::curl_easy_setopt) easy_setopt = find("curl_easy_setopt");
  decltype(&::curl_easy_getinfo) easy_getinfo = find("curl_easy_getinfo");
  decltype(&::curl_easy_strerror) easy_strerror = find("curl_easy_strerror");
  decltype(&::curl_slist_append) slist_append = find("curl_slist_append");
  decltype(&::curl_slist_free_all) slist_free_all = find("curl_slist_free_all");
  decltype(&::curl_multi_init) multi_init = find("curl_multi_init");
  decltype(&::curl_multi_cleanup) multi_cleanup = find("curl_multi_cleanup");
  decltype(&::curl_multi_setopt) multi_setopt = find("curl_multi_setopt");
  decltype(&::curl_multi_add_handle) multi_add_handle = find("curl_multi_add_handle");
  decltype(&::curl_multi_remove_handle) multi_remove_handle = find("curl_multi_remove_handle");
  decltype(&::curl_multi_info_read) multi_info_read = find("curl_multi_info_read");
  decltype(&::curl_multi_socket_action) multi_socket_action = find("curl_multi_socket_action");
};

/// Loads and initialises it the first time; throws Fatal if it is not there. On the loop's thread.
const CurlLibrary& curl();

}  // namespace rbit
