#include <cstddef>

#include "rbit/base/base64.h"
#include "rbit/base/sha256.h"
#include "rbit/base/text.h"
#include "rbit/monitor/page.h"

namespace rbit {

// Put together from rbit/monitor/page by the build (page.cmake).
extern const unsigned char page_bytes[];
extern const std::size_t page_size;

namespace {

constexpr std::string_view login_style =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:12vh 1.25rem;max-width:26rem}"
    "input,button{font:inherit;width:100%;box-sizing:border-box;padding:.6rem .75rem;"
    "margin-top:.5rem}"
    ".wrong{color:light-dark(#b3261e,#ff8a80)}";

/// What stands between two tags, the first of that kind in a document.
std::string_view within(std::string_view document, std::string_view open, std::string_view close) {
  const auto begin = document.find(open) + open.size();
  return document.substr(begin, document.find(close, begin) - begin);
}

/// A source of a content policy: only what has this digest.
std::string only(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return "'sha256-" +
         base64::encoded({reinterpret_cast<const char*>(digest), SHA256_DIGEST_LENGTH}) + "'";
}

constexpr const char* nothing_else =
    "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

}  // namespace

std::string_view page_document() {
  return {reinterpret_cast<const char*>(page_bytes), page_size};
}

const std::string& page_policy() {
  static const std::string policy =
      "default-src 'none'; script-src " + only(within(page_document(), "<script>", "</script>")) +
      "; style-src " + only(within(page_document(), "<style>", "</style>")) +
      "; connect-src 'self'; img-src data:" + nothing_else;
  return policy;
}

std::string login_page(std::string_view refusal) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
         "<link rel=\"icon\" href=\"data:,\"><title>rbit</title><style>" +
         std::string(login_style) + "</style></head><body>\n<h1>rbit</h1>\n" +
         (refusal.empty()
              ? ""
              : "<p class=\"wrong\" role=\"alert\">" + html_escape(refusal) + "</p>\n") +
         "<form method=\"post\" action=\"/login\"><label for=\"token\">The token of "
         "<code>[monitor] token-file</code></label>"
         "<input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"current-password\" "
         "required autofocus><button>Open</button></form>\n</body></html>\n";
}

const std::string& login_policy() {
  static const std::string policy =
      "default-src 'none'; style-src " + only(login_style) + "; img-src data:" + nothing_else;
  return policy;
}

}  // namespace rbit
