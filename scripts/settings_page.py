"""Write docs/settings.md from the registry of settings: python scripts/settings_page.py"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from meadow.node.settings import REGISTRY, Setting
from meadow.node.settings.upgrades import VERSION

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

INTRODUCTION = f"""# Settings

Written by `scripts/settings_page.py` from `core/meadow/node/settings/registry.py`; do not edit.

```
meadow settings                              all of them, with their values
meadow settings share.limit_fraction         what one means
meadow settings share.limit_fraction 0.5     change it
meadow settings share.limit_fraction --reset take the default again
```

They are kept in `settings.json`, in Meadow's data folder or in `--home DIR`. It holds only what was changed, and may be
edited by hand; a running node notices. `GET` and `PATCH /api/settings` do the same for programs, and
`GET /api/settings/registry` gives this page as JSON.

```json
{{
  "version": {VERSION},
  "node.port": 4711,
  "share.limit_fraction": 0.5
}}
```

- A value that does not fit is refused by key, value, what is allowed, file and line. At its start a node refuses a file
  with such a mistake; a running node goes on with the values before, and says so.
- A key that does not exist has no effect. It is remarked upon, with what was probably meant, and kept: a newer Meadow
  may have written it.
- `version` rises only when a key changes its name or its meaning. An older file is upgraded when something is changed,
  after a copy of it was put beside it (`settings.json.version-N.bak`). A file with a higher version is refused and left
  alone: the same key may mean something else there.
- The file is replaced in one step. A full disk or a killed process leaves the old one, and what cannot be read is never
  overwritten.
"""


def render() -> str:
    """The page as Markdown."""
    sections: dict[str, list[Setting]] = {}
    for setting in REGISTRY.values():
        section = setting.key.partition(".")[0] if "." in setting.key else "node"
        sections.setdefault(section, []).append(setting)
    titles = {"node": "The node and its swarm", "share": "Sharing", "chat": "Chats", "api": "The API"}
    titles["metrics"] = "Metrics"
    lines = [INTRODUCTION]
    for section, settings in sections.items():
        lines += [f"## {titles[section]}", ""]
        for setting in settings:
            lines += [*_entry(setting), ""]
    return "\n".join(lines).rstrip() + "\n"


def _entry(setting: Setting) -> list[str]:
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    text = "not set: " + setting.unset if setting.unset is not None else f"`{json.dumps(default)}`"
    if setting.default is not None and setting.unit is not None:
        text += f" {setting.unit}"
    return [
        f"### {setting.key}",
        "",
        _wrapped(
            setting.description + (" A change counts from the next start of the node." if setting.restart else "")
        ),
        "",
        _wrapped(f"- It must be {setting.allowed}.", "  "),
        _wrapped(f"- Default: {text}.", "  "),
    ]


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
