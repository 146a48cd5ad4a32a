#include "runners/plugin/host/elf_symbols.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace rbit::plugin_host {
namespace {

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Symbol = ElfW(Sym);

// A file in memory from which nothing can be read past its end.
class Image {
 public:
  explicit Image(int fd) {
    struct stat info = {};
    if (::fstat(fd, &info) != 0 || info.st_size <= 0) return;
    void* at =
        ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return;
    bytes_ = {static_cast<const char*>(at), static_cast<std::size_t>(info.st_size)};
  }
  ~Image() {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  std::string_view part(std::size_t offset, std::size_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) return {};
    return bytes_.substr(offset, size);
  }

 private:
  std::string_view bytes_;
};

// Element `index` of a table; copied, for nothing in a file need be aligned.
template <class T>
std::optional<T> element(std::string_view table, std::size_t index) {
  if (index >= table.size() / sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, table.data() + index * sizeof(T), sizeof(T));
  return value;
}

std::string_view name_at(std::string_view names, std::size_t offset) {
  if (offset >= names.size()) return {};
  names.remove_prefix(offset);
  return names.substr(0, std::min(names.find('\0'), names.size()));
}

}  // namespace

std::vector<std::string> exported_data(int fd, std::string_view prefix) {
  std::vector<std::string> found;
  const Image image(fd);
  const auto header = element<Header>(image.part(0, sizeof(Header)), 0);
  constexpr int kNativeClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != kNativeClass || header->e_shentsize != sizeof(Section)) {
    return found;
  }
  const std::string_view sections =
      image.part(header->e_shoff, std::size_t{header->e_shnum} * sizeof(Section));
  for (std::size_t i = 0; const auto section = element<Section>(sections, i); ++i) {
    if (section->sh_type != SHT_DYNSYM) continue;
    const auto strings = element<Section>(sections, section->sh_link);
    if (!strings) continue;
    const std::string_view names = image.part(strings->sh_offset, strings->sh_size);
    const std::string_view symbols = image.part(section->sh_offset, section->sh_size);
    for (std::size_t j = 0; const auto symbol = element<Symbol>(symbols, j); ++j) {
      const std::string_view name = name_at(names, symbol->st_name);
      if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT) continue;
      if (name.starts_with(prefix)) found.emplace_back(name);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace rbit::plugin_host
