#include "rbit/intake/request.h"

#include <doctest/doctest.h>

#include <string>

using namespace rbit;

namespace {

// PyBit's messages have had three forms; (c) is the newest. As Python 2.7 wrote them.
const std::string generation_c =
    R"({"py/object": "pybit.models.BuildRequest", "timestamp": null, "job": {"py/object": "pybit.models.Job", "packageinstance": {"py/object": "pybit.models.PackageInstance", "format": {"py/object": "pybit.models.Format", "id": 5, "name": "pdf"}, "package": {"py/object": "pybit.models.Package", "version": "1.2", "id": 2, "name": "col10642"}, "id": 1, "master": true, "suite": {"py/object": "pybit.models.Suite", "id": 3, "name": "latex"}, "distribution": {"py/object": "pybit.models.Dist", "id": 2, "name": "cnx"}, "arch": {"py/object": "pybit.models.Arch", "id": 9, "name": "desktop"}, "build_env": null}, "id": 36, "buildclient": null}, "transport": {"py/object": "pybit.models.Transport", "uri": "http://cnx.org/", "id": null, "vcs_id": "", "method": ""}, "web_host": "localhost:8080"})";
const std::string generation_a =
    R"({"py/object": "pybit.models.BuildRequest", "commands": "", "timestamp": null, "job": {"py/object": "pybit.models.Job", "packageinstance": {"py/object": "pybit.models.PackageInstance", "format": {"py/object": "pybit.models.Format", "id": 1, "name": "completezip"}, "package": {"py/object": "pybit.models.Package", "version": "1.2", "id": 1, "name": "m9003"}, "master": false, "suite": {"py/object": "pybit.models.Suite", "id": 1, "name": "latex"}, "distribution": {"py/object": "pybit.models.Dist", "id": 3, "name": "openstax"}, "arch": {"py/object": "pybit.models.Arch", "id": 1, "name": "any"}, "id": 1}, "id": 1, "buildclient": null}, "transport": {"py/object": "pybit.models.Transport", "uri": "http://cnx.org/content/", "id": null, "vcs_id": "latest", "method": "http"}, "web_host": "localhost:8080"})";

/// Generation (c) with one piece of text replaced.
std::string with(const std::string& what, const std::string& by) {
  std::string body = generation_c;
  const auto at = body.find(what);
  REQUIRE(at != std::string::npos);
  return body.replace(at, what.size(), by);
}

std::string word(const std::string& body) {
  const auto request = parse_request(body);
  return request ? "fine" : request.error().thing;
}

std::string reason(const std::string& body) {
  const auto request = parse_request(body);
  return request ? "" : request.error().reason;
}

/// Of JSON that has not the shape of a build request: what it lacks.
std::string lack(const std::string& body) {
  const auto request = parse_request(body);
  REQUIRE(request.has_error());
  CHECK(request.error().what() == "invalid: no PyBit build request");
  return request.error().detail;
}

}  // namespace

TEST_CASE("a request of the last generation") {
  const auto request = parse_request(generation_c);
  REQUIRE(request.has_value());
  CHECK(request->job_id == "36");
  CHECK(request->package == "col10642");
  CHECK(request->version == "1.2");
  CHECK(request->arch == "desktop");
  CHECK(request->suite == "latex");
  CHECK(request->dist == "cnx");
  CHECK(request->format == "pdf");
  CHECK(request->build_env == "");
  CHECK(request->uri == "http://cnx.org/");
  CHECK(request->web_host == "localhost:8080");
  CHECK(request->master);
}

TEST_CASE("older generations, an environment, white space, a job id in quotes") {
  const auto old = parse_request(generation_a);
  REQUIRE(old.has_value());
  CHECK(old->vcs_id == "latest");
  CHECK(old->method == "http");
  CHECK_FALSE(old->master);
  const auto env = parse_request(
      with(R"("build_env": null)",
           R"("build_env": {"py/object": "pybit.models.BuildEnv", "id": 1, "name": "squeeze"})"));
  REQUIRE(env.has_value());
  CHECK(env->build_env == "squeeze");
  CHECK(word("\n " + generation_c + " \n") == "fine");
  CHECK(word(with("\"id\": 36", "\"id\": \"36\"")) == "fine");
}

TEST_CASE("what may be missing") {
  const auto least =
      parse_request(R"({"job":{"id":1,"packageinstance":{"package":{"name":"a","version":"1"}}}})");
  REQUIRE(least.has_value());
  CHECK(least->arch == "");
  CHECK(reason(R"({"job":{"id":1,"packageinstance":{"package":{"name":"a"}}}})") ==
        "job.packageinstance.package.version is missing");
  CHECK(reason(R"({"job":{"packageinstance":{"package":{"name":"a","version":"1"}}}})") ==
        "job.id is missing");
}

TEST_CASE("JSON that is no build request is called so, and has its detail apart") {
  CHECK(lack("{}") == "job is missing");
  CHECK(lack(R"({"order": 17})") == "job is missing");
  CHECK(lack("17") == "the message is no object");
  CHECK(lack("[]") == "the message is no object");
  CHECK(lack(R"({"job": "resize"})") == "job is no object");
  CHECK(lack(R"({"job": {"id": 7}})") == "job.packageinstance is missing");
  CHECK(lack(R"({"job": {"packageinstance": {"package": null}}})") ==
        "job.packageinstance.package is missing");
  CHECK(lack(R"({"py/reduce": []})") == "message: member 'py/reduce' is not allowed");
}

TEST_CASE("undecodable") {
  CHECK(word("") == "undecodable");
  CHECK(word("   ") == "undecodable");
  CHECK(word("{") == "undecodable");
  CHECK(word("\xff") == "undecodable");
  CHECK(word(generation_c + "x") == "undecodable");
  CHECK(word(R"({"job": 1, "job": 2})") == "undecodable");
  CHECK(word(R"({"a": 1e999})") == "undecodable");
  CHECK(word(std::string(10'000, '[') + std::string(10'000, ']')) == "undecodable");
  CHECK(word(std::string(3'000'000, '[')) == "undecodable");
  CHECK(word("[" + std::string(1'100'000 * 2, ' ') + "\"" + std::string(1'100'000, 'x') + "\"]") ==
        "undecodable");
  std::string many = "[0";
  for (int i = 0; i < 10'000; ++i) many += ",0";
  CHECK(word(many + "]") == "undecodable");
  CHECK(word(std::string(5 << 20, ' ')) == "undecodable");

  Message gzip;
  gzip.body = generation_c;
  gzip.content_encoding = "gzip";
  CHECK(parse_request(gzip).error().thing == "undecodable");
  Message big;
  big.oversized = true;
  big.size = 5'000'000;
  CHECK(parse_request(big).error().reason == "the body has 5000000 bytes, more than 4 MiB");
}

TEST_CASE("invalid") {
  CHECK(word("[]") == "invalid");
  CHECK(word("12") == "invalid");
  CHECK(word(with("pybit.models.BuildRequest", "pybit.models.CancelRequest")) == "invalid");
  CHECK(word(with("pybit.models.Package\"", "os.system\"")) == "invalid");
  CHECK(word(with("\"timestamp\": null", "\"x\": {\"py/repr\": \"os/os.system('id')\"}")) ==
        "invalid");
  CHECK(word(with("\"timestamp\": null", "\"x\": [{\"py/id\": 1}]")) == "invalid");
  CHECK(word(with("\"id\": 36", "\"id\": -1")) == "invalid");
  CHECK(word(with("\"id\": 36", "\"id\": 1.5")) == "invalid");
  CHECK(word(with("\"id\": 36", "\"id\": \"3 6\"")) == "invalid");
  CHECK(word(with("\"id\": 36", "\"id\": 1234567890123456789")) == "invalid");
  CHECK(word(with("http://cnx.org/", "--upload-pack=x")) == "invalid");
  CHECK(word(with("http://cnx.org/", "http://a\\nb")) == "invalid");
  CHECK(word(with("localhost:8080", "a\\u0000b")) == "invalid");
  CHECK(reason(with("col10642", "../etc")).find("job.packageinstance.package.name: '../etc'") == 0);
}

TEST_CASE("the length of names, ids and versions: what just fits, and one more") {
  const auto name = [](std::size_t letters) {
    return word(with("\"col10642\"", "\"" + std::string(letters, 'a') + "\""));
  };
  CHECK(name(128) == "fine");
  CHECK(name(129) == "invalid");
  const auto id = [](std::size_t digits) {
    return word(with("\"id\": 36", "\"id\": \"" + std::string(digits, '9') + "\""));
  };
  CHECK(id(18) == "fine");
  CHECK(id(19) == "invalid");
  CHECK(id(0) == "invalid");
  CHECK(word(with("\"1.2\"", "\"1:2\"")) == "fine");
  CHECK(word(with("\"col10642\"", "\"a:b\"")) == "invalid");
}

TEST_CASE("a body is read as it is, or not at all") {
  for (const char* plain : {"", "identity", "none", "UTF-8", "utf8"}) {
    Message message;
    message.body = generation_c;
    message.content_encoding = plain;
    CHECK_MESSAGE(parse_request(message).has_value(), plain);
  }
  for (const char* other : {"gzip", "deflate", "br", "utf-16", "identity, gzip", " ", "\xff"}) {
    Message message;
    message.body = generation_c;
    message.content_encoding = other;
    REQUIRE_MESSAGE(parse_request(message).has_error(), other);
    CHECK(parse_request(message).error().thing == "undecodable");
  }
}

TEST_CASE("where a source may lie, and how it may be got") {
  const auto uri = [](const std::string& text) { return word(with("http://cnx.org/", text)); };
  for (const char* good : {"",
                           "https://u:p@h:1/x?y=1",
                           "git://h/x",
                           "ssh://git@h/x",
                           "svn+ssh://h/x",
                           "SVN://h/x",
                           "git@github.com:a/b.git",
                           "pool/main/p.dsc",
                           "/srv/a",
                           "a b",
                           "x=1",
                           "http://[::1]:2/",
                           "https://h",
                           "http://h?x=[1]",
                           "https://u%40x:p%2F@h.example:8443/{a}/b c",
                           "http://h:/",
                           "http://h/a:b/c@d",
                           "http://h/x?y=file:///z",
                           "http://h/%5B",
                           "a/b:c",
                           "a/50%25"})
    CHECK_MESSAGE(uri(good) == "fine", good);
  for (const char* bad : {"file:///etc/passwd", "FILE:/etc/passwd", "ftp://h/x", "gopher://h/",
                          "ext::sh -c id", "fd::17", "ssh://-oProxyCommand=id/x",
                          "ssh://u@-oProxyCommand=id/x", "javascript://x", "-x", "a\\nb"})
    CHECK_MESSAGE(uri(bad) == "invalid", bad);
  const auto method = [](const std::string& text) {
    return word(with("\"method\": \"\"", "\"method\": \"" + text + "\""));
  };
  for (const char* good : {"", "git", "svn", "apt", "http"}) CHECK(method(good) == "fine");
  for (const char* bad : {"Git", "git ", "sh", "$(id)", "-git"}) CHECK(method(bad) == "invalid");
}

TEST_CASE("no tool finds another scheme in a uri than the one that was looked at") {
  const auto uri = [](const std::string& text) { return word(with("http://cnx.org/", text)); };
  for (const char* bad :
       {// curl's globbing, before the scheme, in it, and without "://"
        "{file}:///etc/passwd", "[f-f]ile:///etc/passwd", "fil[e-e]:///x", "{file:///x}",
        "{http://h/,file:///x}", "ht{tp://h/,file:///x}", "{/,file:/etc/passwd}", "{a,b}",
        "a/[1-9]", "a]b", "http{://h/,x}", "http://{h,file}/", "http://h[1-9]/", "http:{//h/,//g/}",
        // other spellings of a scheme
        "file:/x", "file:x", "FiLe:///x", "file://localhost/x", " file:///x", "  http://h/",
        "http://h/ ", "f\\tile:///x", "\\tfile:///x", "fi\\r\\nle:///x", "f\\u000bile:///x",
        "\\u00a0file:///x", "\\ufefffile:/x", "<file:///x>", "\\\"file:///x", "'file:///x'",
        "URL:file:///x", "url:http://h/", "view-source:http://h/", "jar:file:///x!/", "data:,x",
        "%66ile:///x", "file%3A///x", "file%3a/x", "%2Dx/y", "\\uff46ile:///x", "+file:///x",
        "a?b=file:///x", "a#http://h/", "a/b file:/x", "h/x://y", "httpx://h/", "xhttp://h/",
        "http+unix://h/", "git+file:///x", "hg+http://h/", "bzr+ssh://h/", "svn+file:///x", "lp:x",
        "rsync://h/x", "h::module", "u@h::module", "local:x", "netdoc:///x", "dict://h:1/x",
        // the host of the page, or of nothing
        "//evil.example/x", "///etc/passwd", "\\\\\\\\h\\\\x", "http:\\\\\\\\h/", "http:/h/x",
        "http:h", "http:", "http://", "http:///etc/passwd", "http://@/x", "http://:80/x",
        // git's words for a command, and what ssh takes for an option
        "ext::id", "EXT::id", "http::ext::id", "git::ext::id", "ext://x", "h:path", "h:/path",
        "[::1]:2", "[-x]:y", "-u@h:x", "u@-h:x", "u@h:-x", "u@h://x", "a@b@c:x", "u@:x", "@h:x",
        "ssh://%2DoProxyCommand=id/x", "ssh://[-oProxyCommand=id]/x", "ssh://-u@h/x",
        "ssh://%2du@h/x", "git://h#@-oProxyCommand=id/x", "ssh://h?@-x/y", "svn+ssh://-x/y",
        "ssh://a b/x", "ssh://h;id/x", "ssh://$(id)/x", "ssh://`id`/x", "ssh://h\\\\@-x/y",
        "http://h:99x/", "http://h:123456/", "http://[::1/", "http://[::1]x/", "http://[]/",
        "http://[v1.x]/", "http://b\\u00fccher.example/", "http://u@v@-h/",
        // options
        "-K /etc/passwd", " -K x", "  --upload-pack=id", "-", "--", "-u@h:/x"}) {
    CHECK_MESSAGE(uri(bad) == "invalid", bad);
  }
  CHECK(reason(with("http://cnx.org/", "{file}:///x")) ==
        "transport.uri: '{file}:///x' is not of http, https, git, ssh or svn");
}

TEST_CASE("a NUL is refused in names of members too") {
  CHECK(reason(with("\"timestamp\": null", "\"a\\u0000b\": 1")) ==
        "message: a name has a NUL in it");
}

TEST_CASE("hostile names are refused in every place that may reach a shell or a path") {
  const char* places[] = {"\"name\": \"col10642\"", "\"version\": \"1.2\"",  "\"name\": \"latex\"",
                          "\"name\": \"cnx\"",      "\"name\": \"desktop\"", "\"name\": \"pdf\""};
  const char* values[] = {
      "$(id)", "`id`", "a;b",   "a b",       "a|b",      "a&b",     "-rf",     "--help",  ".hidden",
      "..",    "a/b",  "/etc",  "a\\\\b",    "a'b",      "a\\\"b",  "a\\nb",   "a\\tb",   "a*",
      "a?",    "[a]",  "{a}",   "a<b",       "a>b",      "a!b",     "a#b",     "%ID",     "a%b",
      "a=b",   "a,b",  "~root", "a\\u0000b", "\\u202ea", "\\u00e9", "a&amp;b", "<script>"};
  for (const char* place : places) {
    const std::string found(place);
    const auto quote = found.rfind('"', found.size() - 2);
    for (const char* value : values) {
      const std::string hostile = found.substr(0, quote + 1) + value + "\"";
      CAPTURE(hostile);
      CHECK(word(with(place, hostile)) == "invalid");
    }
  }
  CHECK(word(with("\"name\": \"col10642\"", "\"name\": \"" + std::string(129, 'a') + "\"")) ==
        "invalid");
}
