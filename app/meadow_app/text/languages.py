"""What the lexers know of each language: its words, comments, strings and numbers, as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property


@dataclass(frozen=True)
class Rule:
    """What matches ``pattern`` is of ``kind``; without a kind, it is only stepped over."""

    kind: str
    pattern: str


@dataclass(frozen=True)
class Region:
    """From ``open`` to ``close``, perhaps over many lines."""

    kind: str
    open: str
    close: re.Pattern[str]


@dataclass
class Language:
    """One language. ``words`` maps words to their kind; a word before "(" is a name where ``calls`` is set."""

    rules: tuple[Rule, ...] = ()
    regions: tuple[Region, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    word: str = r"[^\W\d]\w*"
    calls: bool = True
    any_case: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What to look for next in code: the opening of a region (group r0 …), a rule (k0 …), or a word."""
        parts = [f"(?P<r{number}>{region.open})" for number, region in enumerate(self.regions)]
        parts += [f"(?P<k{number}>{rule.pattern})" for number, rule in enumerate(self.rules)]
        return re.compile("|".join([*parts, f"(?P<word>{self.word})"]))

    def kind(self, word: str, line: str, end: int) -> str:
        kind = self.words.get(word.lower() if self.any_case else word, "")
        return kind or ("name" if self.calls and line.startswith("(", end) else "")


def _words(**kinds: str) -> dict[str, str]:
    return {word: kind for kind, text in kinds.items() for word in text.split()}


_NUMBER = Rule(
    "number", r"(?<![\w.])(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\w*"
)
_DOUBLE = Rule("string", r'"(?:[^"\\]|\\.)*+"?')
_SINGLE = Rule("string", r"'(?:[^'\\]|\\.)*+'?")
_HASH = Rule("comment", r"#.*")
_SLASHES = Rule("comment", r"//.*")
_DASHES = Rule("comment", r"--.*")
_BLOCK = Region("comment", r"/\*", re.compile(r"\*/"))
_C_RULES = (_SLASHES, _DOUBLE, _SINGLE, _NUMBER)


def _triple(quotes: str) -> Region:
    # Behind the opening quotes, which are no part of a closing.
    return Region("string", rf"\b[a-zA-Z]{{0,2}}{quotes}|{quotes}", re.compile(rf"(?:\\.|(?!{quotes})[^\\])*+{quotes}"))


_PYTHON = Language(
    (
        _HASH,
        Rule("string", r"\b[rbfuRBFU]{1,2}\"(?:[^\"\\]|\\.)*+\"?|\b[rbfuRBFU]{1,2}'(?:[^'\\]|\\.)*+'?"),
        _DOUBLE,
        _SINGLE,
        _NUMBER,
        Rule("attribute", r"(?<!\S)@[\w.]+"),
    ),
    (_triple('"""'), _triple("'''")),
    _words(
        keyword="and as assert async await break case class continue def del elif else except finally for from "
        "global if "
        "import in is lambda match nonlocal not or pass raise return try while with yield",
        type="bool bytearray bytes complex dict float frozenset int list object set str tuple type Exception "
        "ValueError "
        "TypeError KeyError RuntimeError self cls",
        number="True False None",
    ),
)
_JAVASCRIPT = Language(
    (*_C_RULES, Rule("attribute", r"@[\w.]+")),
    (_BLOCK, Region("string", "`", re.compile(r"(?:[^`\\]|\\.)*+`"))),
    _words(
        keyword="abstract as async await break case catch class const continue debugger declare default delete do else "
        "enum export extends finally for from function get if implements import in instanceof interface keyof let "
        "namespace "
        "new of private protected public readonly return satisfies set static super switch this throw try type "
        "typeof var "
        "void while with yield",
        type="any Array bigint boolean Date Error Map never number object Promise Record RegExp Set string symbol "
        "unknown "
        "console document window Math JSON",
        number="true false null undefined NaN Infinity",
    ),
    word=r"[^\W\d][\w$]*",
)
_C = Language(
    (Rule("attribute", r"^\s*#\s*\w+"), *_C_RULES),
    (_BLOCK,),
    _words(
        keyword="alignas alignof and asm auto break case catch class concept const consteval constexpr const_cast "
        "continue "
        "co_await co_return co_yield decltype default delete do dynamic_cast else enum explicit export extern final "
        "for "
        "friend goto if inline mutable namespace new noexcept not operator or override private protected public "
        "register "
        "reinterpret_cast requires return sizeof static static_assert static_cast struct switch template this throw "
        "try "
        "typedef typename union using virtual volatile while restrict",
        type="bool char char8_t char16_t char32_t double float int int8_t int16_t int32_t int64_t long short signed "
        "size_t "
        "ssize_t std string uint8_t uint16_t uint32_t uint64_t unsigned vector void wchar_t FILE",
        number="true false nullptr NULL",
    ),
)
_RUST = Language(
    (
        Rule("attribute", r"#!?\[[^\]]*+\]?"),
        _SLASHES,
        Rule("string", r'\b[br]?"(?:[^"\\]|\\.)*+"?|"(?:[^"\\]|\\.)*+"?'),
        Rule("string", r"'(?:[^'\\]|\\.[^']{0,8})'"),
        Rule("type", r"'[a-z_]\w*"),
        Rule("name", r"\b[a-z_]\w*!"),
        _NUMBER,
    ),
    (_BLOCK,),
    _words(
        keyword="as async await break const continue crate dyn else enum extern fn for if impl in let loop match "
        "mod move "
        "mut pub ref return self static struct super trait type union unsafe use where while",
        type="bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize Box Option Rc Arc Result Self "
        "String Vec HashMap",
        number="true false None Some Ok Err",
    ),
)
_GO = Language(
    _C_RULES,
    (_BLOCK, Region("string", "`", re.compile("`"))),
    _words(
        keyword="break case chan const continue default defer else fallthrough for func go goto if import interface "
        "map "
        "package range return select struct switch type var",
        type="any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune "
        "string "
        "uint uint8 uint16 uint32 uint64 uintptr",
        number="true false nil iota",
    ),
)
_JAVA = Language(
    (*_C_RULES, Rule("attribute", r"@\w+")),
    (_BLOCK, _triple('"""')),
    _words(
        keyword="abstract as assert break by case catch class companion const continue data default do else enum "
        "extends "
        "final finally for fun goto if implements import in instanceof interface internal is lateinit namespace "
        "native new "
        "object open operator out override package private protected public readonly record return sealed static super "
        "switch synchronized this throw throws transient try typealias using val var virtual void volatile when "
        "where while "
        "yield async await get set func guard let extension init protocol struct",
        type="boolean bool byte char double float int long short string decimal Boolean Byte Character Double Float "
        "Integer "
        "Int List Long Map Object Optional Set Short String Any Unit",
        number="true false null nil",
    ),
)
_SHELL = Language(
    (
        Rule("comment", r"(?<!\S)#.*"),
        _DOUBLE,
        Rule("string", r"'[^']*+'?"),
        Rule("type", r"\$(?:\w+|\{[^}]*+\}?|[@#?$!*-])"),
        Rule("attribute", r"(?<!\S)--?[A-Za-z][\w-]*"),
        _NUMBER,
    ),
    (),
    _words(
        keyword="case do done elif else esac export fi for function if in local readonly return select set shift "
        "then trap "
        "unset until while source exit break continue",
        name="apt awk cat cd chmod chown cp curl cut docker echo eval exec find git grep head kill ls make mkdir mv "
        "npm pip "
        "printf python python3 read rm sed sort ssh sudo tail tar test touch tr wget xargs",
    ),
    word=r"[^\W\d][\w-]*",
    calls=False,
)
_JSON = Language(
    (
        Rule("name", r'"(?:[^"\\]|\\.)*+"(?=\s*:)'),
        _DOUBLE,
        _SLASHES,
        Rule("number", r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"),
    ),
    (_BLOCK,),
    _words(keyword="true false null"),
    calls=False,
)
_HTML = Language(
    (
        Rule("keyword", r"</?[A-Za-z][\w:.-]*|/?>|<!\w+|<\?\w+"),
        Rule("attribute", r"[\w:.-]+(?==[\"'{])"),
        _DOUBLE,
        Rule("number", r"&\#?\w{1,32};"),
    ),
    (Region("comment", "<!--", re.compile("-->")),),
    calls=False,
)
_CSS = Language(
    (
        Rule("keyword", r"@[\w-]+|![a-z]+"),
        _DOUBLE,
        _SINGLE,
        Rule("number", r"#[\da-fA-F]{3,8}\b(?!.*\{)"),
        Rule("type", r"[.#][A-Za-z_][\w-]*"),
        Rule("attribute", r"--[\w-]+|[a-z-]+(?=\s*:(?!\w))"),
        Rule("number", r"-?(?<![\w-])\d*\.?\d+(?:%|[a-z]+)?"),
        Rule("comment", r"(?<!:)//.*"),
    ),
    (_BLOCK,),
    word=r"[A-Za-z_][\w-]*",
)
_SQL = Language(
    (_DASHES, Rule("string", r"'(?:[^']|'')*+'?"), Rule("type", r'"[^"]*+"?'), _NUMBER),
    (_BLOCK,),
    _words(
        keyword="add all alter and as asc begin between by case check column commit constraint create cross "
        "database default "
        "delete desc distinct drop else end except exists explain foreign from full group having if in index inner "
        "insert "
        "intersect into is join key left like limit not null offset on or order outer over partition primary "
        "references "
        "returning right rollback select set table then transaction trigger union unique update using values view when "
        "where window with",
        type="bigint blob boolean char date datetime decimal double float int integer json numeric real serial "
        "smallint text "
        "time timestamp uuid varchar",
        number="true false",
    ),
    any_case=True,
)
_YAML = Language(
    (
        Rule("comment", r"(?:^|(?<=\s))#.*"),
        Rule("attribute", r"^---.*|[&*!][\w!-]+"),
        Rule("name", r"(?:^|(?<=\s))[\w.\-/$]+(?=\s*:(?:\s|$))|\"[^\"]*+\"(?=:)"),
        _DOUBLE,
        _SINGLE,
        _NUMBER,
    ),
    (),
    _words(keyword="true false null yes no on off True False"),
    word=r"[A-Za-z_][\w.-]*",
    calls=False,
)
_TOML = Language(
    (
        _HASH,
        Rule("keyword", r"^\s*\[\[?[^\]]*+\]?\]?"),
        Rule("name", r"^\s*[\w.\-\"']+(?=\s*=)"),
        _DOUBLE,
        _SINGLE,
        Rule("number", r"(?<![\w.])[+-]?\d[\d_.:TZ+-]*"),
    ),
    (_triple('"""'), _triple("'''")),
    _words(keyword="true false inf nan"),
    calls=False,
)
_INI = Language(
    (Rule("comment", r"^\s*[;#].*"), Rule("keyword", r"^\s*\[[^\]]*+\]?"), Rule("name", r"^\s*[\w.\- ]*\w(?=\s*[=:])")),
    calls=False,
)
_MARKDOWN = Language(
    (
        Rule("keyword", r"^\s{0,3}#{1,6}\s.*"),
        Rule("string", r"`[^`]*+`?"),
        Rule("comment", r"^\s{0,3}>.*"),
        Rule("attribute", r"^\s*(?:[-*+]|\d+[.)])(?=\s)"),
        Rule("type", r"\*\*[^*]*+\*\*"),
        Rule("name", r"\[[^\]]*+\](?=\()"),
    ),
    (Region("string", r"^\s{0,3}```", re.compile(r"```\s*$")),),
    calls=False,
)
_DIFF = Language(
    (
        Rule("comment", r"^(?:diff|index|---|\+\+\+|new file|deleted file|similarity|rename).*"),
        Rule("name", r"^@@.*"),
        Rule("insert", r"^\+.*"),
        Rule("delete", r"^-.*"),
    ),
    calls=False,
)
_LUA = Language(
    (_DASHES, _DOUBLE, _SINGLE, _NUMBER),
    (Region("comment", r"--\[\[", re.compile(r"\]\]")), Region("string", r"\[\[", re.compile(r"\]\]"))),
    _words(
        keyword="and break do else elseif end for function goto if in local not or repeat return then until while",
        number="true false nil",
    ),
)
_RUBY = Language(
    (_HASH, _DOUBLE, _SINGLE, Rule("type", r"@{1,2}\w+|(?<!:):[a-z_]\w*|\$\w+"), _NUMBER),
    (),
    _words(
        keyword="alias and begin break case class def do else elsif end ensure for if in include module next not or "
        "raise "
        "redo require require_relative rescue retry return self super then undef unless until when while yield "
        "attr_accessor "
        "attr_reader puts",
        number="true false nil",
    ),
)
_PHP = Language(
    (Rule("attribute", r"<\?(?:php|=)?|\?>"), *_C_RULES, Rule("type", r"\$\w+"), _HASH),
    (_BLOCK,),
    _words(
        keyword="abstract and array as break case catch class clone const continue declare default do echo else elseif "
        "extends final finally fn for foreach function global if implements include instanceof interface match "
        "namespace new "
        "or print private protected public readonly require return static switch throw trait try use var while yield",
        number="true false null TRUE FALSE NULL",
    ),
)

_NAMES: dict[str, Language] = {
    name: table
    for names, table in (
        ("python py python3 pycon ipython pyi", _PYTHON),
        ("javascript js jsx mjs node typescript ts tsx qml", _JAVASCRIPT),
        ("c h cpp c++ cc cxx hpp objective-c cuda glsl", _C),
        ("rust rs", _RUST),
        ("go golang", _GO),
        ("java kotlin kt csharp c# cs scala swift dart", _JAVA),
        ("sh bash shell zsh console shell-session terminal fish dockerfile docker powershell makefile make", _SHELL),
        ("json jsonc json5 jsonl", _JSON),
        ("html xml svg vue xhtml htm", _HTML),
        ("css scss less sass", _CSS),
        ("sql sqlite postgresql mysql psql", _SQL),
        ("yaml yml", _YAML),
        ("toml", _TOML),
        ("ini cfg conf properties env", _INI),
        ("markdown md", _MARKDOWN),
        ("diff patch", _DIFF),
        ("lua", _LUA),
        ("ruby rb", _RUBY),
        ("php", _PHP),
    )
    for name in names.split()
}


@cache
def _named(name: str) -> Language | None:
    return _NAMES.get(name)


def language(info: str) -> Language | None:
    """The table for what stands behind a fence ("python", "js title=x", "{.rust}"); None where it is not known."""
    word = re.match(r"[{.\s]*([\w+#-]{1,20})", info)
    return _named(word[1].lower()) if word else None
