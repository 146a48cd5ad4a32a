#include "runners/plugin/host/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"

namespace rbit::plugin_host {
namespace {

constexpr std::string_view kAnyPrefix = "rbit_runner_v";
constexpr std::string_view kPrefix = "rbit_runner_v1_";
// All of version 1.0 is required.
constexpr std::size_t kLeastSize = offsetof(rbit_runner, close) + sizeof(rbit_runner::close);

std::string version(unsigned major, unsigned minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string offers() {
  return "; this rbit offers " + version(RBIT_PLUGIN_MAJOR, RBIT_PLUGIN_MINOR);
}

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Symbol = ElfW(Sym);

// So many bytes of a file; empty if it has them not all.
std::string part(int fd, std::size_t offset, std::size_t size) {
  struct stat info = {};
  if (::fstat(fd, &info) != 0 || size > static_cast<std::size_t>(info.st_size)) return {};
  std::string bytes(size, '\0');
  const ssize_t count = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  if (count != static_cast<ssize_t>(size)) bytes.clear();
  return bytes;
}

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

/// The names of the data symbols that the shared library open at `fd` exports and that begin with
/// `prefix`, sorted. Read from the file, nothing is loaded; empty for whatever is not understood.
std::vector<std::string> exported_data(int fd, std::string_view prefix) {
  std::vector<std::string> found;
  const auto header = element<Header>(part(fd, 0, sizeof(Header)), 0);
  constexpr int kNativeClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != kNativeClass || header->e_shentsize != sizeof(Section))
    return found;
  const std::string sections =
      part(fd, header->e_shoff, std::size_t{header->e_shnum} * sizeof(Section));
  for (std::size_t i = 0; const auto section = element<Section>(sections, i); ++i) {
    if (section->sh_type != SHT_DYNSYM) continue;
    const auto strings = element<Section>(sections, section->sh_link);
    if (!strings) continue;
    const std::string names = part(fd, strings->sh_offset, strings->sh_size);
    const std::string symbols = part(fd, section->sh_offset, section->sh_size);
    for (std::size_t j = 0; const auto symbol = element<Symbol>(symbols, j); ++j) {
      const std::string_view name = name_at(names, symbol->st_name);
      if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT) continue;
      if (name.starts_with(prefix)) found.emplace_back(name);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool is_name(std::string_view name) {
  return !name.empty() && text::has_only(name, "_");
}

// Why the symbol is not there: another major version, another name, or no plugin at all.
Error missing(int fd, const std::string& path, const std::string& name) {
  std::vector<std::string> ours;
  for (const std::string& symbol : exported_data(fd, kAnyPrefix)) {
    if (symbol.starts_with(kPrefix)) {
      ours.push_back(symbol.substr(kPrefix.size()));
      continue;
    }
    // "2_print": the runner is there, for another rbit.
    const std::string other = symbol.substr(kAnyPrefix.size());
    const std::size_t end = other.find('_');
    if (end != std::string::npos && other.substr(end + 1) == name)
      return {path, "runner '" + name + "' needs plugin ABI " + other.substr(0, end) + offers(),
              "build it with this rbit's rbit/plugin.h"};
  }
  if (ours.empty()) return {path, "no runner in it", "it exports no rbit_runner_v1_NAME"};
  std::string all;
  for (const std::string& one : ours) all += (all.empty() ? "" : ", ") + one;
  return {path, "no runner '" + name + "' in it", "it has " + all};
}

Result<void> check(const rbit_runner* runner, std::size_t symbol_size, const std::string& path,
                   const std::string& name) {
  const std::string cure = "build it with this rbit's rbit/plugin.h";
  const std::string which = "runner '" + name + "' ";
  // The head first: nothing behind it can be trusted before it is known.
  if (reinterpret_cast<std::uintptr_t>(runner) % alignof(rbit_runner) != 0 ||
      symbol_size < offsetof(rbit_runner, name) || runner->magic != RBIT_PLUGIN_MAGIC)
    return Error{path, which + "is no rbit_runner (wrong magic number)", cure};
  if (runner->major != RBIT_PLUGIN_MAJOR || runner->needs_minor > RBIT_PLUGIN_MINOR)
    return Error{
        path, which + "needs plugin ABI " + version(runner->major, runner->needs_minor) + offers(),
        cure};
  if (runner->size < kLeastSize || symbol_size < kLeastSize) {
    const std::size_t given = std::min<std::size_t>(runner->size, symbol_size);
    return Error{path,
                 which + "is " + std::to_string(given) + " bytes; plugin ABI " +
                     version(RBIT_PLUGIN_MAJOR, 0) + " has " + std::to_string(kLeastSize),
                 cure};
  }
  if (runner->run == nullptr) return Error{path, which + "has no run()", ""};
  return {};
}

}  // namespace

Result<Loaded> load_runner(const std::string& path, const std::string& name, long trusted_uid) {
  if (!is_name(name))
    return Error{path, "'" + name + "' is no name of a runner", "letters, digits and _"};
  Result<Fd> file = open_code_file(path, trusted_uid);
  if (!file) return file.error();
  const int fd = file->get();
  struct stat opened {};
  if (::fstat(fd, &opened) != 0) return Error{path, std::strerror(errno), ""};
  const std::string door = "/proc/self/fd/" + std::to_string(fd);
  void* library = ::dlopen(door.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::string why = ::dlerror();
    if (why.starts_with(door + ": ")) why.erase(0, door.size() + 2);
    return Error{path, why, "'ldd -r " + path + "' shows what it needs"};
  }
  void* symbol = ::dlsym(library, (std::string(kPrefix) + name).c_str());
  if (symbol == nullptr) return missing(fd, path, name);

  // How much there is to read, from the symbol table; a symbol may lie about itself.
  Dl_info info = {};
  void* entry = nullptr;
  std::size_t symbol_size = 0;
  if (::dladdr1(symbol, &info, &entry, RTLD_DL_SYMENT) != 0 && entry != nullptr)
    symbol_size = static_cast<const ElfW(Sym)*>(entry)->st_size;
  const auto* runner = static_cast<const rbit_runner*>(symbol);
  const Result<void> checked = check(runner, symbol_size, path, name);
  if (!checked) return checked.error();
  file->release();  // debuggers and sanitizers look through the door once more
  return Loaded{runner, LoadedFile(path, opened)};
}

}  // namespace rbit::plugin_host
