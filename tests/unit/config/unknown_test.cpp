#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

TEST_CASE("a slip in one of rbit's own sections is an error") {
  CHECK(findings(sound + "[amqp]\nhots = a\n") ==
        "rbit.ini:7: [amqp] unknown key 'hots' (did you mean 'host'?)\n");
  CHECK(findings(sound + "[log]\nlevle = INFO\n") ==
        "rbit.ini:7: [log] unknown key 'levle' (did you mean 'level'?)\n");
}

TEST_CASE("old programs read over unknown keys of the sections they had; new sections have none") {
  CHECK(findings(sound + "[amqp]\nexchange_type = direct\n") ==
        "rbit.ini:7: warning: [amqp] unknown key 'exchange_type', not read\n");
  CHECK(findings(sound + "[amqp]\ncheck-befor-build = no\n") ==
        "rbit.ini:7: warning: [amqp] unknown key 'check-befor-build', not read here (did you mean "
        "'check-before-build' of [status]?)\n");
  CHECK(findings(sound + "[log]\ncolour = red\n") ==
        "rbit.ini:7: [log] unknown key 'colour' (known: level, format, redact, file, keep-days, "
        "keep-size)\n");
}

TEST_CASE("keys of [DEFAULT] are unknown nowhere, but some are doubted") {
  const std::string defaults = "[DEFAULT]\nanything = 1\nuri = 2\ntimout = 3\nmax-mem = 4\n";
  CHECK(findings(defaults + sound + "[amqp]\n[log]\n") == "");
  std::string said;
  for (const auto& doubt :
       ConfigFile(defaults + "pol-time = 5\noutput-dir =\n" + sound).load().doubts)
    said += doubt.text + "\n";
  CHECK(said ==
        "[DEFAULT] unknown key 'timout' (did you mean 'timeout'?)\n"
        "[DEFAULT] 'max-mem' is taken as a setting of your own (did you mean 'max-memory'?)\n"
        "[DEFAULT] unknown key 'pol-time' (did you mean 'poll-time'?)\n"
        "[DEFAULT] 'output-dir' is empty (give it a value, or leave it out)\n");
  CHECK(ConfigFile("[DEFAULT]\nmax-mem = 4\n[rbit]\nqueue-mappings = q:e\n[runner:e]\n"
                   "runner = shell!echo %(max-mem)s\n")
            .load()
            .doubts.empty());
}

TEST_CASE("an empty user is nobody's wish: it would be root") {
  const std::string said =
      "[runner:echo] 'user' is empty: its jobs would run as rbit does (name a user, or leave it "
      "out)\n";
  CHECK(findings(sound + "user =\n") == "rbit.ini:6: " + said);
  CHECK(findings("[DEFAULT]\nuser =\n" + sound) == "rbit.ini:2: " + said);
  CHECK(findings("[DEFAULT]\nuser = nobody\n" + sound + "user =\n") == "rbit.ini:8: " + said);
}

TEST_CASE("what other programs call otherwise is told of by its name here") {
  CHECK(findings(sound + "[amqp]\nvhost = /\n") ==
        "rbit.ini:7: [amqp] unknown key 'vhost' (did you mean 'virtual_host'?)\n");
  CHECK(findings(sound + "[amqp]\nprefetch_count = 1\n") ==
        "rbit.ini:7: warning: [amqp] unknown key 'prefetch_count', not read (did you mean 'slots' "
        "of [rbit]?)\n");
}

TEST_CASE("sections nobody reads") {
  CHECK(findings(sound + "[stauts]\nreport = log\n") ==
        "rbit.ini:6: [stauts] unknown section (did you mean [status]?)\n");
  CHECK(findings(sound + "[AMQP]\nhost = a\n") ==
        "rbit.ini:6: [AMQP] unknown section (did you mean [amqp]?)\n");
  CHECK(findings(sound + "[buildout]\n") ==
        "rbit.ini:6: warning: [buildout] unknown section, not read\n");
  CHECK(findings(sound + "[default]\n") ==
        "rbit.ini:6: warning: [default] is not read; keys for all sections stand in [DEFAULT]\n");
  CHECK(findings(sound + "[runner]\ntimeout = 3\n") ==
        "rbit.ini:6: [runner] a runner's section is called [runner:NAME]\n");
}

TEST_CASE("a finding is one line, whatever the names in the file") {
  CHECK(findings(sound + "[a\rb]\n") ==
        "rbit.ini:6: warning: [a\\x0db] unknown section, not read\n");
}

namespace {

/// The doubts about a runner's section with that text, which only `rbit check` tells.
std::string doubts(const std::string& text) {
  std::string out;
  for (const auto& doubt : ConfigFile(sound + text).load().doubts) {
    CHECK(doubt.strict);
    out += doubt.text + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("a setting that looks like a key of rbit's is doubted, others are the runner's own") {
  const auto meant = [](const std::string& key, const std::string& name) {
    return "[runner:echo] '" + key + "' is taken as a setting of your own (did you mean '" + name +
           "'?)\n";
  };
  for (const auto& [key, name] :
       std::vector<std::pair<std::string, std::string>>{{"max-mem", "max-memory"},
                                                        {"memory-max", "max-memory"},
                                                        {"memory", "max-memory"},
                                                        {"max-procs", "max-processes"},
                                                        {"retries", "attempts"},
                                                        {"env_path", "env.NAME"},
                                                        {"max-cpu", "max-memory"},
                                                        {"time-limit", "timeout"}}) {
    INFO(key);
    const std::string said = doubts(key + " = 5\n");
    CHECK(said == meant(key, name));
  }
  for (const auto& [key, name] :
       std::vector<std::pair<std::string, std::string>>{{"niceness", "'nice'"},
                                                        {"kill-grace", "'grace'"},
                                                        {"kill_grace", "'grace'"},
                                                        {"backoff", "'retry-delay'"},
                                                        {"retry-max", "'attempts'"},
                                                        {"env", "'env.NAME'"},
                                                        {"environ", "'env.NAME'"},
                                                        {"environment", "'env.NAME'"},
                                                        {"path", "'env.PATH'"},
                                                        {"group", "'user'"},
                                                        {"log-size", "'log-limit'"},
                                                        {"prefetch", "'slots'"},
                                                        {"workdir", "'work-dir' of [rbit]"},
                                                        {"work-dir", "'work-dir' of [rbit]"},
                                                        {"state-dir", "'state-dir' of [rbit]"},
                                                        {"cwd", "'work-dir' of [rbit]"}}) {
    const std::string said = doubts(key + " = 5\n");
    CHECK(said == "[runner:echo] '" + key + "' is taken as a setting of your own (did you mean " +
                      name + "?)\n");
  }
  for (const char* own : {"user-agent", "source-dir", "tex", "deposit_location", "passphrase",
                          "host", "work-tree", "python-env", "output-format", "sort-key"}) {
    INFO(own);
    CHECK(doubts(std::string(own) + " = 5\n") == "");
  }
  // Its line names it, so it is a setting.
  CHECK(ConfigFile("[rbit]\nqueue-mappings = q:e\n[runner:e]\nrunner = shell!echo %(max-mem)s\n"
                   "max-mem = 1\n")
            .load()
            .doubts.empty());
}

TEST_CASE("an empty value is doubted, in every section") {
  for (const char* key : {"output-dir", "artifacts", "pass-env", "cancel-signal"})
    CHECK(doubts(std::string(key) + " =\n") ==
          "[runner:echo] '" + std::string(key) + "' is empty (give it a value, or leave it out)\n");
  for (const auto& [section, key] :
       std::vector<std::pair<std::string, std::string>>{{"log", "redact"},
                                                        {"log", "file"},
                                                        {"status", "report"},
                                                        {"status", "allow-hosts"},
                                                        {"monitor", "listen"},
                                                        {"monitor", "token-file"}})
    CHECK(doubts("[" + section + "]\n" + key + " =\n") ==
          "[" + section + "] '" + key + "' is empty (give it a value, or leave it out)\n");
  const std::string rest = "queue-mappings = q:e\n[runner:e]\nrunner = shell!echo\n";
  CHECK(ConfigFile("[rbit]\nname =\nwork-dir =\n" + rest).load().doubts.size() == 2);
  CHECK(doubts("[amqp]\npassword =\n") == "");
  CHECK(doubts("artifacts =\n") ==
        "[runner:echo] 'artifacts' is empty (give it a value, or leave it out)\n");
  CHECK(doubts("artifacts = *.pdf\n") == "");
}

TEST_CASE("a pattern that is not what it looks like is doubted") {
  const auto pattern = [](const std::string& glob, const std::string& text) {
    return "[runner:echo] artifacts: '" + glob + "' " + text + "\n";
  };
  const std::string comma =
      "has a comma, and patterns have blanks between them (write [,] for the text)";
  CHECK(doubts("artifacts = a, b\n") == pattern("a,", comma));
  CHECK(doubts("artifacts = *.pdf,*.txt\n") == pattern("*.pdf,*.txt", comma));
  CHECK(doubts("artifacts = *.{pdf,txt}\n") == pattern("*.{pdf,txt}", comma));
  CHECK(doubts("artifacts = [a x[]\n") ==
        pattern("[a", "has a [ without ] (write [[] for the text)") +
            pattern("x[]", "has a [ without ] (write [[] for the text)"));
  for (const std::string glob : {"%ID.pdf", "$X/a", "~/a"}) {
    const std::string sign(1, glob.front());
    CHECK(doubts("artifacts = " + glob + "\n") ==
          pattern(glob, "is taken as it stands, nothing is put in for '" + sign + "' (write [" +
                            sign + "] for the text)"));
  }
  CHECK(doubts("artifacts-required = a,\n").find("artifacts-required: 'a,' has a comma") !=
        std::string::npos);
  CHECK(doubts("artifacts = [a-c]?.pdf a[,]b \\[a \\, [[]a []a] a~ \"b c\" **/dist/\n") == "");
}

TEST_CASE("a path that a shell would have to read is doubted, and so is an empty one") {
  const auto path = [](const std::string& key, const std::string& value) {
    return key + ": '" + value +
           "' is taken as it stands, for no shell reads it (write the whole path)\n";
  };
  CHECK(doubts("output-dir = ~/x\n") == path("[runner:echo] output-dir", "~/x"));
  CHECK(doubts("output-dir = $HOME/x\n") == path("[runner:echo] output-dir", "$HOME/x"));
  CHECK(doubts("output-dir =\n") ==
        "[runner:echo] 'output-dir' is empty (give it a value, or leave it out)\n");
  CHECK(doubts("output-dir = a~b/%ID\n") == "");
  CHECK(doubts("[rbit]\nstate-dir = ~/s\n") == path("[rbit] state-dir", "~/s"));
  CHECK(doubts("[rbit]\nwork-dir = ${X}/w\n") == path("[rbit] work-dir", "${X}/w"));
  CHECK(doubts("[log]\nfile = $HOME/log\n") == path("[log] file", "$HOME/log"));
}

TEST_CASE("a shell beside a script is doubted") {
  const auto said = [](const std::string& keys) {
    std::string out;
    const std::string text = "[rbit]\nqueue-mappings = q:e\n[runner:e]\n" + keys;
    for (const auto& doubt : ConfigFile(text).load().doubts) out += doubt.text + "\n";
    return out;
  };
  CHECK(said("script = a.sh\nshell = /bin/bash\n") ==
        "[runner:e] shell: has no meaning beside script, which the first line of the file decides "
        "(leave it out)\n");
  CHECK(said("runner = shell!a\nshell = /bin/bash\n") == "");
}

TEST_CASE("what check --strict takes for an error: unknown keys and sections, mistyped policy") {
  const auto loaded =
      ConfigFile(sound + "timout = 3\n[amqp]\nexchange_type = direct\n[buildout]\n").load();
  REQUIRE(loaded.findings.size() == 3);
  for (const auto& finding : loaded.findings) CHECK(finding.strict);
  CHECK(loaded.ok());
}
