#include "rbit/core/job_name.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "rbit/base/text.h"

using namespace rbit;

TEST_CASE("a plain text is its own file name") {
  for (const std::string name : {"36", "0a1b-2", "6e8bc430-9c3a-11d9-9669-0800200c9a66", "a.b_c"})
    CHECK(file_name_of(name) == name);
}

TEST_CASE("a file name is one name, not hidden, no option, and not too long") {
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("/etc/passwd"),
        std::string("../../x"), std::string("-rf"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("~root"), std::string("\xff\xfe"), std::string(5000, 'x')}) {
    const std::string name = file_name_of(text);
    CHECK(name.size() <= 81);
    CHECK(name.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyz0123456789_.~-ABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
          std::string::npos);
    CHECK(name.find_first_of(".-~") != 0);
  }
}

TEST_CASE("no two texts have one name, not even if case is not told apart") {
  const std::string odd = "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66";
  std::vector<std::string> texts{odd,
                                 text::slug(odd),
                                 file_name_of(odd),
                                 "urn_uuid_6e8bc430",
                                 "a/b",
                                 "a_b",
                                 "A_B",
                                 "a+b",
                                 "a~b",
                                 "",
                                 "_",
                                 ".",
                                 "..",
                                 "a",
                                 "A",
                                 std::string("a\0", 2),
                                 "\xc3\xa4",
                                 "a\xcc\x88"};
  for (const std::size_t length : {47u, 48u, 49u, 63u, 64u, 65u, 80u, 81u, 100u, 101u, 255u})
    for (const char c : {'x', 'y'}) {
      texts.push_back(std::string(length, 'x') + c);
      texts.push_back(file_name_of(texts.back()));
    }
  std::set<std::string> names;
  std::set<std::string> different(texts.begin(), texts.end());
  for (const std::string& text : different) names.insert(text::lower(file_name_of(text)));
  CHECK(names.size() == different.size());
  std::set<std::string> jobs;
  for (const std::string& queue : different)
    for (const std::string& key : different) jobs.insert(text::lower(job_name_of(queue, key)));
  CHECK(jobs.size() == different.size() * different.size());
}
