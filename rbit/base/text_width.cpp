#include "rbit/base/text_width.h"

#include <clocale>
#include <cwchar>
#include <limits>

#include "rbit/base/text.h"

namespace rbit::text {

namespace {

/// The letters of this thread are UTF-8 while it lives, whatever its locale is: `wcwidth` knows the
/// widths of that one's letters.
class Utf8Letters {
 public:
  Utf8Letters() : before_(::uselocale(utf8())) {}
  ~Utf8Letters() { ::uselocale(before_); }
  Utf8Letters(const Utf8Letters&) = delete;
  Utf8Letters& operator=(const Utf8Letters&) = delete;

 private:
  static locale_t utf8() {  // none: the C library has no UTF-8, and each letter counts as one
    static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return made;
  }

  locale_t before_;
};

struct Measured {
  std::size_t bytes = 0, columns = 0;
};

/// Of the longest beginning of `text` that takes no more than `most` columns.
Measured measure(std::string_view text, std::size_t most) {
  const Utf8Letters letters;
  Measured all;
  while (all.bytes < text.size()) {
    std::size_t end = all.bytes + 1;
    while (end < text.size() && continues_a_letter(text[end])) ++end;
    wchar_t letter = 0;
    std::mbstate_t state{};
    const std::size_t read =
        std::mbrtowc(&letter, text.data() + all.bytes, end - all.bytes, &state);
    const int width = read <= end - all.bytes ? ::wcwidth(letter) : 1;
    const std::size_t columns = width < 0 ? 1 : static_cast<std::size_t>(width);
    if (all.columns + columns > most) break;
    all.columns += columns;
    all.bytes = end;
  }
  return all;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  return measure(text, std::numeric_limits<std::size_t>::max()).columns;
}

std::string_view first_columns(std::string_view text, std::size_t columns) {
  return text.substr(0, measure(text, columns).bytes);
}

}  // namespace rbit::text
