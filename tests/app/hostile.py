"""Strings that a model or a peer could send to do harm. Every field that others can fill is tried with all of them."""

from __future__ import annotations

_WORD = "mw"  # in every string, so that a test can see that the rest of it was shown, too

HOSTILE: dict[str, str] = {
    "html": "<b>mw</b><i>bold</i><h1>Big</h1><table><tr><td>cell</td></tr></table>",
    "html_start": "<html><body bgcolor=red><font size=7>mw</font></body></html>",
    "doctype": "<!DOCTYPE HTML><qt>mw <u>rich</u></qt>",
    "script": "mw<script>alert('x')</script><svg onload=alert(1)>",
    "entities": "mw &lt;b&gt; &#60;img src=x&#62; &#x202E; &nbsp;&zwnj;",
    "image_file": "mw <img src='file:///etc/passwd'><img src=\"/etc/hostname\">",
    "image_remote": "mw <img src='http://127.0.0.1:9/pixel.png'>",
    "image_resource": "mw <img src='qrc:/qt-project.org/imports/QtQuick/Controls/Fusion/images/checkmark.png'>",
    "image_data": "mw <img "
    "src='data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4//8/AA'>",
    "markdown_image": "mw ![look](http://127.0.0.1:9/pixel.png) ![here](file:///etc/passwd) "
    "![d](data:image/png;base64,AAAA)",
    "markdown_image_relative": "mw ![a](../../../../etc/passwd) ![b](//127.0.0.1:9/x) ![c](qrc:/x.png)",
    "style": "mw <style>@import url(http://127.0.0.1:9/a.css); p{background:url(file:///etc/passwd)}</style>",
    "javascript_link": "[mw](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) <javascript:alert(1)> [c](vbscript:x)",
    "file_link": "[mw](file:///etc/passwd) [b](smb://127.0.0.1/share) [c](meadow://x) [d](data:text/html,<b>x</b>)",
    "misleading_link": "mw [https://bank.example](https://evil.example/login) "
    "[bank.example](https://bank.example@evil.example)",
    "homograph_link": "mw [apple](https://\u0430\u0440\u0440\u04cf\u0435.com/) "
    "https://\u0430\u0440\u0440\u04cf\u0435.com/",
    "link_with_break": "[mw](https://good.example/\nhttps://evil.example) [x](https://a.example/%0d%0aSet-Cookie:x)",
    "right_to_left": "mw \u202egnp.exe \u202dabc\u202c \u2067isolated\u2069 \u05e9\u05dc\u05d5\u05dd",
    "unclosed_direction": "\u202e\u2066\u2067\u2068\u202a\u202bmw",
    "zero_width": "m\u200bw mw\u200b\u2060\ufeff\u00ad\u034f\u180e pass\u200bword",
    "tags": "mw" + "".join(chr(0xE0000 + ord(letter)) for letter in "hidden orders"),
    "control": "mw" + "".join(map(chr, range(32))) + "\x7f" + "".join(map(chr, range(0x80, 0xA0))),
    "null": "mw\x00after\x00\x00",
    "ansi": "\x1b[31mmw\x1b[0m \x1b]0;title\x07 \x1b[2J\x9b31m",
    "backspace": "rm -rf /\b\b\b\b\b\b\b\bmw      \rharmless",
    "zalgo": "m" + "".join(chr(0x300 + n % 0x50) for n in range(400)) + "w mw",
    "surrogate": "mw \ud800 \udfff \ud83d alone \udc00\ud800",
    "noncharacters": "mw \ufffe\uffff \ufdd0\ufdd1 \U0001fffe \ufffc \ufff9a\ufffab\ufffb",
    "line_separators": "mw\u2028two\u2029three\x85four\vfive\fsix\r\nseven\reight",
    "format": "mw %s %d %n %x %1$s {0} {name} {!r} ${HOME} %1 %2 %L1 %n",
    "mnemonic": "&mw && &File &&& \t&",
    "qml": "mw\"); Qt.quit(); (\"' + Qt.exit(1) + '\\u0022 %1",
    "megabyte": "mw " + "a" * 1_000_000,
    "megabyte_stars": "mw " + "*" * 1_000_000,
    "megabyte_lines": "mw\n" + "-\n" * 300_000,
    "brackets": "mw " + "[" * 30_000 + "](" * 10_000,
    "long_word": "mw" + "W" * 20_000,
    "long_line_of_code": "```mw\n" + "x" * 50_000 + "\n```",
    "deep_quotes": ">" * 10_000 + " mw",
    "deep_lists": "mw\n" + "\n".join("  " * depth + "- a" for depth in range(800)),
    "deep_emphasis": "*_" * 3_000 + "mw" + "_*" * 3_000,
    "huge_table": "|mw" * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + ("|x" * 2_000 + "|\n") * 3,
    "long_table": "|mw|b|\n|-|-|\n" + "|x|y|\n" * 5_000,
    "many_fences": "mw\n" + "```\n```\n" * 5_000,
    "open_fence": "mw\n````\n" + "```\n" * 200,
    "many_newlines": "mw" + "\n" * 20_000 + "end",
    "emoji": "mw " + "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50 + "\u200d" * 500,
    "tabs": "mw" + "\t" * 5_000 + "end",
    "path": "../../../../etc/passwd; rm -rf mw /",
    "url": "http://127.0.0.1:9/mw",
    "only_invisible": "mw\u200e\u200f\u061c" + "\u3164" * 100,
}
"""By what they try; each holds "mw" somewhere that people can read."""
