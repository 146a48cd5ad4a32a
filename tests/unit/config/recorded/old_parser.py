"""What Python 2.7's RawConfigParser makes of INI texts, for old_parser_test.cpp.

    python2.7 old_parser.py > old_parser.json

The texts are put together at random from pieces in which the grammar's rules meet; the seed is
fixed. Left out is what rbit reads more kindly on purpose: a BOM, comments inside `queue-mappings`,
shell lines; and a value of ";" with a blank behind it, which Python cut at its last letter. Bytes
stand as the letters U+0000 to U+00FF.
"""

import ConfigParser
import json
import random
import StringIO

HEADERS = ["[a]", "[b]", "[a]", "[A b]", "[a] ; text", "[ a ]", "[x]]", "[]", "[open", "[DEFAULT]",
           "[default]", "[a;b]", "[runner:x]", "[[a]", " [b]"]
KEYS = ["k", "K", "key", "two words", "dotted.key", "da-sh", "rem", "Rem x", "k ", "\"q\"", "[z",
        "caf\xe9", "#k", "a]b"]
SIGNS = ["=", ":", " = ", " : ", "= ", " =", ":=", "==", "\t=\t", " =: "]
VALUES = ["", "v", "a ;b", "a;b ;c", "a\t; b", ";v", "a # b", "\"\"", "\"\" ", "\"x\"", "''",
          "%(k)s", "a = b", "a : b", "x  y", "  v  ", "\xc3\xa9", "v\r", "a ; b ; c", "a; b",
          "\"\" ;c", ";", "v\x0b", "a\x0c;b"]
OTHERS = ["", "   ", "# c", "; c", "rem", "REM x", "rem\tx", "remark", "junk", "  # c", "  ; c",
          " rem x", "=v", ":v", " = v", "\t", "   [b]", "  k = 2", "\tmore ;text", "  more  \r",
          "\r", "  \"\"", "#", ";", "  =", "k", "\x0bv"]


def line(random_):
    kind = random_.random()
    if kind < 0.12:
        return random_.choice(HEADERS)
    if kind < 0.55:
        return random_.choice(KEYS) + random_.choice(SIGNS) + random_.choice(VALUES)
    return random_.choice(OTHERS)


def text(random_):
    lines = [line(random_) for _ in range(random_.randint(1, 12))]
    if random_.random() < 0.9:
        lines.insert(0, "[a]")
    return "\n".join(lines) + random_.choice(["\n", ""])


def read(source):
    parser = ConfigParser.RawConfigParser()
    case = {"text": source.decode("latin-1")}
    try:
        parser.readfp(StringIO.StringIO(source))
    except ConfigParser.MissingSectionHeaderError as error:
        case["missing_header"] = error.lineno
    except ConfigParser.ParsingError as error:
        case["errors"] = [number for number, _ in error.errors]
    else:
        case["sections"] = [[section.decode("latin-1"),
                             {key.decode("latin-1"): value.decode("latin-1")
                              for key, value in parser.items(section)}]
                            for section in parser.sections()]
    return case


def main():
    random_ = random.Random(1)
    cases, errors = [], 0
    while len(cases) < 400:
        case = read(text(random_))
        errors += "sections" not in case
        if "sections" in case or errors % 4 == 0:  # most texts have an error somewhere
            cases.append(case)
    print("[\n" + ",\n".join(json.dumps(case, sort_keys=True) for case in cases) + "\n]")


main()
