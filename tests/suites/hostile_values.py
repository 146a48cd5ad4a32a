"""Texts that have hurt programs which took them for something else: at least 200.

CANARY stands for the path of a file that exists only if a text was obeyed; `hostile_values` puts
the real path in.
"""

CANARY = "@CANARY@"

# Commands, and what a shell may need to see before it takes a text for one.
_COMMANDS = ["touch @CANARY@", "echo x > @CANARY@", "cp /etc/hostname @CANARY@",
             ": >@CANARY@", "/bin/sh -c 'touch @CANARY@'", "mkdir -p @CANARY@"]
_AROUND = ["$(%s)", "`%s`", "; %s;", "| %s", "|| %s", "&& %s", "& %s &", "\n%s\n", "'; %s; '",
           "\"; %s; \"", "');%s;('", "\\'; %s; \\'", "\"$(%s)\"", "'\"`%s`\"'", "a[$(%s)]",
           "$((a[$(%s)]))", "${x:-$(%s)}", "<(%s)", "() { :;}; %s", "x=$(%s) y"]
_SHELL = [around % command for command in _COMMANDS for around in _AROUND] + [
    ">@CANARY@", ">>@CANARY@", "<>@CANARY@", "2>@CANARY@", "x;touch${IFS}@CANARY@",
    "{touch,@CANARY@}", "$'\\ntouch @CANARY@'", "!touch", "*", "?", "~", "~root", "[a-z]*", "\\",
    "#", "#!/bin/sh\ntouch @CANARY@", "$RBIT_URI", "${RBIT_COMMANDS}", "$0", "$@", "$_", "EOF\ntouch @CANARY@\n",
    "%ID", "%URI%%", "%(host)s", "{settings.host}", "${RBIT_URI@P}", "a\ttouch @CANARY@", "if", "fi; touch @CANARY@; if"]

_ARGUMENTS = ["-", "--", "-rf", "--help", "-o@CANARY@", "-o @CANARY@", "--output=@CANARY@",
              "--upload-pack=touch @CANARY@", "-oProxyCommand=touch @CANARY@", "--use-compress-program=touch @CANARY@",
              "-exec touch @CANARY@ ;", "-c touch @CANARY@", "--eval=touch @CANARY@", "@@CANARY@", "--config=@CANARY@",
              "=", "-=", "--to-command=touch @CANARY@", "--checkpoint-action=exec=touch @CANARY@"]

_PYTHON = ["__import__('os').system('touch @CANARY@')", "exec(\"open('@CANARY@','w')\")",
           "open('@CANARY@', 'w')", "{0.__class__.__init__.__globals__}", "{job.__class__}", "%s%s%n%x", "%(x)s",
           "cos\nsystem\n(S'touch @CANARY@'\ntR.", "!!python/object/apply:os.system ['touch @CANARY@']",
           "os/os.system", "pybit.models.BuildRequest", "{{7*7}}", "${7*7}", "<%= `touch @CANARY@` %>",
           "{% import os %}{{ os.system('touch @CANARY@') }}", "lambda: open('@CANARY@','w')", "__class__", "__reduce__",
           "f'{open(\"@CANARY@\",\"w\")}'", "#{`touch @CANARY@`}", "@(touch @CANARY@)", "${jndi:ldap://127.0.0.1:9/a}"]

_PATHS = ["..", ".", "/", "//", "@CANARY@", "../@CANARY@", "../../../../../../../../..@CANARY@", "a/../../../..@CANARY@",
          "....//....//..@CANARY@", "..%2f..%2f", "%2e%2e%2f", "..\\..\\x", "..%00/x", "file://@CANARY@", "a/b/c", "a\0b",
          "/dev/zero", "/dev/stdin", "/proc/self/environ", "/etc/passwd", ".git/hooks/post-checkout",
          ".ssh/authorized_keys", "CON", "a" * 128, "a" * 129, "a" * 255, "a" * 256, "../" * 100 + "x",
          "state/lock", "logs/../../x", "name.log", ".hidden", "x ", " x", "x.", "x:y", "rbit.ini"]

_URLS = ["http://user:pass@127.0.0.1/", "http://127.0.0.1:9@evil.example/", "gopher://127.0.0.1:9/_x", "file:///etc/passwd",
         "//evil.example/x", "evil.example", "evil.example:80", "127.0.0.1:22", "localhost", "[::1]:1", "0x7f000001", "2130706433",
         "http://[::ffff:127.0.0.1]/", "127.0.0.1:99999", "127.0.0.1/../admin", "127.0.0.1?x", "127.0.0.1#x", "a\r\nX-Evil: 1",
         "a HTTP/1.1\r\nHost: evil\r\n\r\nGET /", "javascript:alert(1)", "data:text/html,<script>", "ext::sh -c touch% @CANARY@",
         "ssh://-oProxyCommand=touch @CANARY@/x", "git://x/;touch @CANARY@", "http://x/?a=b&c=`touch @CANARY@`", "1 ", "../job/1",
         # A scheme that is found by some tools only: globbing, other spellings, escapes, blanks.
         "{file}://@CANARY@", "[f-f]ile://@CANARY@", "{http://x/,file://@CANARY@}", "{/,file:@CANARY@}", "http{://x/,s}",
         "http://{x,y}/", "FILE:@CANARY@", "file:/etc/passwd", " file:///etc/passwd", "f\tile:///etc/passwd",
         "f\nile:///x", "%66ile:///etc/passwd", "file%3A///etc/passwd", "<file:///etc/passwd>", "\u00a0file:///etc/passwd",
         "\\\\evil\\x", "http:\\\\x/", "///etc/passwd", "http:///etc/passwd", "http:/x", "view-source:file:///x",
         "git+file://@CANARY@", "ext::touch @CANARY@", "http::ext::touch @CANARY@", "fd::0", "h:path", "git@github.com:a/b.git",
         "u@-oProxyCommand=touch:x", "ssh://%2DoProxyCommand=x/y", "ssh://[-oProxyCommand=x]/y", "ssh://h#@-oProxyCommand=x/y",
         " -K @CANARY@", "-K @CANARY@", " --upload-pack=touch @CANARY@", "http://[::1]:80/a[1]{b}", "https://u:p%40@x.example:/"]

_SQL = ["'; DROP TABLE job; --", "\"; DROP TABLE job; --", "' OR '1'='1", "1); DELETE FROM message; --",
        "'; ATTACH DATABASE '@CANARY@' AS x; --", "'||writefile('@CANARY@',1)||'", "%", "_", "' UNION SELECT 1 --",
        "\\'; DELETE FROM job; --", "');DELETE FROM outbox;--", "'/*", "*/'", "x'00'", "NULL", "?1", ":key", "$1",
        "'; VACUUM INTO '@CANARY@'; --", "''''''''", "\"\"\"\""]

_HTML = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "</td></tr></table>",
         "<!--", "-->", "]]>", "&lt;script&gt;", "&#60;", "<a href=javascript:alert(1)>", "{{constructor}}", "<b>",
         "\" onmouseover=\"alert(1)", "<meta http-equiv=refresh content=0>", "<base href=//evil.example>", "&", "<"]

_LOGS = ["\n2026-01-01 00:00:00,000 ERROR [rbit] forged", "\r2026-01-01 forged", "x\r\nforged", "\x1b[2J\x1b[H",
         "\x1b]0;title\x07", "\x1b]52;c;aGk=\x07", "\x9b31m", "\x85next line", "\u2028line", "\u2029paragraph", "\u202eevil",
         "\u2066evil\u2069", "\u200e\u200f\u061c", "\ufeff", "\x7f\x7f", "\x08\x08\x08", "\t\v\f", "\0", "a\0b", "%n%n%n", "{}{}{}",
         "%s" * 50, "{0}", "\ud800", "\udfff\ud800", "\U0001f600", "\u0000\u0001", "Job '1', timestamp '1', worker 'x' state is now 'Done'",
         "x" * 5000, "\x1b" * 1000, "\u202e" * 1000, "\n" * 1000]

_ODD = ["", " ", "null", "true", "0", "-1", "1e309", "NaN", "Infinity", "9" * 400, "١٢٣", "ａｂｃ", "e\u0301", "\u200b", "\u00a0",
        "K", "ß", "İ", "\u1e9e", "[]", "{}", "\"", "'", "\"\\", "\\u0000", "a" * 70000, "\u00e4" * 40000]


def hostile_values(canary):
    """The list, each text once, with the path of the canary in it."""
    texts = (_SHELL + _ARGUMENTS + _PYTHON + _PATHS + _URLS + _SQL + _HTML + _LOGS + _ODD)
    return list(dict.fromkeys(text.replace(CANARY, canary) for text in texts))
