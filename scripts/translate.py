"""Keep resources/translations up to date: collect every text of the app into .ts files, and compile them.

    scripts/translate.py             collect, and compile what is translated
    scripts/translate.py --check     change nothing; fail when a file is stale or a text is not translated

Texts come from the Python files of app/ and the QML files of resources/qml, and, for what the node says in fixed words
(the registry of settings, the names of the doctor's checks), from core/. To translate: run this, open
``meadow_de.ts`` in Qt Linguist (or an editor), write what is unfinished, run this again. A new language is a new file
there and a line in ``app/meadow_app/language.py``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "resources" / "translations"
BIN: Final = Path(sys.executable).parent
PRETENDED: Final = {"en-XA": "longer, with accents and brackets", "ar-XB": "read from right to left"}
"""Languages that are made up for tests; they are never committed."""


def languages() -> list[str]:
    """Those that there are files for. English has one for its plurals: "1 chat", "2 chats"."""
    return sorted(path.stem.removeprefix("meadow_") for path in FOLDER.glob("meadow_*.ts"))


def sources() -> list[Path]:
    """All files with texts, in an order that never changes."""
    return sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "resources" / "qml").rglob("*.qml")])


def node_texts() -> list[str]:
    """What the node says in fixed words and the app shows as it is."""
    sys.path.insert(0, str(ROOT / "core"))
    from meadow.node.settings.registry import REGISTRY

    texts = [text for setting in REGISTRY.values() for text in (setting.description, setting.unset) if text]
    checks = re.findall(r'Check\("\w+", "([^"]+)"', "".join(path.read_text() for path in _doctor_files()))
    return sorted({*texts, *checks})


def _doctor_files() -> Iterator[Path]:
    yield from (ROOT / "core" / "meadow").rglob("*doctor*.py")


def collect(folder: Path, codes: list[str]) -> None:
    """Bring the .ts files in ``folder`` up to date; what was translated stays."""
    with tempfile.TemporaryDirectory(prefix="meadow-texts-") as temporary:
        of_node = Path(temporary) / "node_texts.py"
        of_node.write_text("".join(f'translate("Node", {_quoted(text)})\n' for text in node_texts()))
        listed = Path(temporary) / "files.lst"
        listed.write_text("".join(f"{path}\n" for path in [*sources(), of_node]))
        for code in codes:
            options = ["-pluralonly"] if code == "en" else []
            target = folder / f"meadow_{code}.ts"
            options += ["-silent", "-no-obsolete", "-locations", "none"]
            _run("pyside6-lupdate", *options, f"@{listed}", "-ts", target)


def compile_all(source: Path, target: Path, codes: list[str]) -> None:
    """Compile the .ts files in ``source`` into .qm files in ``target``."""
    for code in codes:
        _run("pyside6-lrelease", "-silent", source / f"meadow_{code}.ts", "-qm", target / f"meadow_{code}.qm")


def pretend(folder: Path) -> None:
    """Make the languages that are made up, and copies of the true ones, into ``folder``: .qm files for tests.

    They are files because QML asks for texts in a thread of its own, where a translator in Python would wait for ever.
    """
    changes: dict[str, Callable[[str], str]] = {"en-XA": longer, "ar-XB": mirrored}
    for code, change in changes.items():
        tree = ElementTree.parse(FOLDER / "meadow_de.ts")
        tree.getroot().set("language", "en" if code == "en-XA" else "ar")
        for message in tree.iter("message"):
            translation = message.find("translation")
            assert translation is not None
            translation.attrib.pop("type", None)
            text = message.findtext("source", "")
            for child in list(translation):
                translation.remove(child)
            translation.text = None if message.get("numerus") else change(text)
            if message.get("numerus"):
                for _ in range(2 if code == "en-XA" else 6):
                    ElementTree.SubElement(translation, "numerusform").text = change(text)
        tree.write(folder / f"meadow_{code}.ts", encoding="utf-8", xml_declaration=True)
    compile_all(folder, folder, list(changes))
    for path in FOLDER.glob("*.qm"):
        shutil.copy(path, folder)


_KEPT = re.compile(r"(%L?\d+|%n|\{\w*\}|&(?=\w)|\n)")
_ACCENTS = str.maketrans("aceinosuyzACEINOSUYZ", "áçéíñöšûýžÁÇÉÎÑÖŠÛÝŽ")
_LETTERS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "אבגדהוזחטיכלמנסעפצקרשתאבגד")


def longer(text: str) -> str:
    """About 40 % longer, accented, between brackets; places for values stay."""
    parts = [part if _KEPT.fullmatch(part) else part.translate(_ACCENTS) for part in _KEPT.split(text)]
    padding = " " + "ôüà" * (len(text) * 4 // 30) if len(text) > 7 else ""
    return f"[{''.join(parts)}{padding}]"


def mirrored(text: str) -> str:
    """In letters that are read from right to left; places for values stay."""
    return "".join(part if _KEPT.fullmatch(part) else part.lower().translate(_LETTERS) for part in _KEPT.split(text))


def missing(path: Path) -> list[str]:
    """The texts of a .ts file that are not translated."""
    found = []
    for context in ElementTree.parse(path).iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            forms = [] if translation is None else [form.text for form in translation] or [translation.text]
            if translation is None or translation.get("type") == "unfinished" or not all(forms):
                found.append(f"{context.findtext('name')}: {message.findtext('source')}")
    return found


def places_differ(path: Path) -> list[str]:
    """Translations that lost a place for a value (%1, %n, {name}), or made one up."""
    found = []
    for message in ElementTree.parse(path).iter("message"):
        translation = message.find("translation")
        if translation is None:
            continue
        source = message.findtext("source", "")
        for form in [form.text for form in translation] or [translation.text]:
            if form and _places(source) != _places(form):
                found.append(f"{source!r} became {form!r}")
    return found


def _places(text: str) -> set[str]:
    return {place.replace("L", "") for place in re.findall(r"%L?\d+|%n|\{\w*\}", text)}


def faults() -> list[str]:
    """Why the files as they are would not do: all reasons, each a sentence."""
    found = []
    codes = languages()
    with tempfile.TemporaryDirectory(prefix="meadow-texts-") as temporary:
        fresh = Path(temporary)
        for code in codes:
            shutil.copy(FOLDER / f"meadow_{code}.ts", fresh)
        collect(fresh, codes)
        compile_all(FOLDER, fresh, codes)
        for code in codes:
            path, compiled = FOLDER / f"meadow_{code}.ts", FOLDER / f"meadow_{code}.qm"
            if path.read_bytes() != (fresh / path.name).read_bytes():
                found.append(f"{path.name} is stale: run scripts/translate.py")
            if not compiled.exists() or compiled.read_bytes() != (fresh / compiled.name).read_bytes():
                found.append(f"{compiled.name} is stale: run scripts/translate.py")
            found += [f"{path.name} does not translate {text}" for text in missing(fresh / path.name)]
            found += [f"{path.name}: {text}" for text in places_differ(path)]
    return found


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _run(tool: str, *arguments: str | Path) -> None:
    done = subprocess.run([BIN / tool, *arguments], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"{tool} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        found = faults()
        print("\n".join(found) or "All texts are translated.")
        return 1 if found else 0
    if arguments:
        print(__doc__)
        return 2
    collect(FOLDER, languages())
    compile_all(FOLDER, FOLDER, languages())
    for code in languages():
        for text in missing(FOLDER / f"meadow_{code}.ts"):
            print(f"meadow_{code}.ts does not translate {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
