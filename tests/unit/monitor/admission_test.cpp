#include "rbit/monitor/admission.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>

using namespace rbit;

namespace {

using Headers = std::initializer_list<std::pair<const char*, std::string>>;

Admission::Fields fields_of(Headers headers) {
  Admission::Fields fields;
  for (const auto& [name, value] : headers) fields.insert(name, value);
  return fields;
}

struct Door {
  Admission admission{"correct-horse-battery", "10.0.0.7"};
  Door() { admission.name_cookie(8080); }
  HttpVisitor look(Headers headers) { return admission.look(fields_of(headers), 11).visitor; }
};

/// "rbit-8080=..." of a Set-Cookie.
std::string pair_of(const std::string& cookie) {
  return cookie.substr(0, cookie.find(';'));
}

}  // namespace

TEST_CASE("without a token nobody may act, whatever he brings") {
  Admission admission("", "127.0.0.1");
  admission.name_cookie(8080);
  CHECK_FALSE(admission.open_session(""));
  const auto verdict = admission.look(fields_of({{"Host", "localhost"},
                                                 {"Authorization", "Bearer "},
                                                 {"Cookie", "rbit-8080="},
                                                 {"X-Rbit-Form", ""},
                                                 {"Origin", "http://localhost"}}),
                                      11);
  CHECK(verdict.visitor.may_read);
  CHECK_FALSE(verdict.visitor.may_act);
}

TEST_CASE("a session reads by its cookie, and acts with its form from its own page") {
  Door door;
  CHECK_FALSE(door.admission.open_session("wrong"));
  const auto cookie = door.admission.open_session("correct-horse-battery");
  REQUIRE(cookie);
  CHECK(cookie->ends_with("; Path=/; HttpOnly; SameSite=Strict"));
  const std::string pair = pair_of(*cookie);
  const HttpVisitor reader = door.look({{"Host", "h:1"}, {"Cookie", "a=b; " + pair + " ; c=d"}});
  CHECK(reader.may_read);
  CHECK_FALSE(reader.may_act);
  const std::string form = reader.form;
  CHECK(form.size() == 32);
  CHECK(
      door.look(
              {{"Host", "h:1"}, {"Cookie", pair}, {"X-Rbit-Form", form}, {"Origin", "http://H:1"}})
          .may_act);
  // A proxy that renames the host: what the browser says of the site decides.
  CHECK(door.look({{"Host", "h:1"},
                   {"Cookie", pair},
                   {"X-Rbit-Form", form},
                   {"Origin", "https://rbit.example"},
                   {"Sec-Fetch-Site", "same-origin"}})
            .may_act);
  for (const char* origin :
       {"http://h", "http://h:2", "http://evil", "null", "", "h:1", "http://h:1/"})
    CHECK_MESSAGE(
        !door.look({{"Host", "h:1"}, {"Cookie", pair}, {"X-Rbit-Form", form}, {"Origin", origin}})
             .may_act,
        origin);
  for (const char* site : {"cross-site", "same-site", "none", "SAME-ORIGIN"})
    CHECK_MESSAGE(!door.look({{"Host", "h:1"},
                              {"Cookie", pair},
                              {"X-Rbit-Form", form},
                              {"Origin", "http://h:1"},
                              {"Sec-Fetch-Site", site}})
                       .may_act,
                  site);
  for (const char* other : {"rbit-808=", "rbit-80801=", "xrbit-8080=", "rbit-8080"})
    CHECK_MESSAGE(!door.look({{"Cookie", other + pair.substr(10)}}).may_read, other);
  const auto gone = door.admission.close_session(reader.session);
  CHECK(gone.find("Max-Age=0") != gone.npos);
  CHECK_FALSE(door.look({{"Host", "h:1"}, {"Cookie", pair}}).may_read);
}

TEST_CASE("a bearer acts, but not from the page of another site") {
  Door door;
  const std::string bearer = "Bearer correct-horse-battery";
  CHECK(door.look({{"Host", "h"}, {"Authorization", bearer}}).may_act);
  CHECK_FALSE(door.look({{"Host", "h"}, {"Sec-Fetch-Site", "none"}}).is_foreign);  // typed by hand
  const auto other =
      door.look({{"Host", "h"}, {"Authorization", bearer}, {"Origin", "http://evil"}});
  CHECK(other.may_read);
  CHECK_FALSE(other.may_act);
  CHECK(other.is_foreign);
}

TEST_CASE("sessions are bounded, and the one that was unused for longest goes") {
  Sessions sessions;
  const std::string first = sessions.open().name;
  const std::string second = sessions.open().name;
  CHECK(sessions.find(first));
  for (std::size_t i = 2; i < Sessions::most; ++i) sessions.open();
  CHECK(sessions.find(first));
  sessions.open();
  CHECK(sessions.find(first));
  CHECK_FALSE(sessions.find(second));
  CHECK_FALSE(sessions.find(""));
}
