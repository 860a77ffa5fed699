"""Write docs/models.md: which model families work in parts, and what was checked of each.

python scripts/models_table.py                    # from the recorded results
python scripts/models_table.py --run              # examine every family again first (half an hour)
python scripts/models_table.py --run llama gpt2   # only these
python scripts/models_table.py --together         # only how sessions share passes, of every family (five minutes)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "tests" / "families" / "results.json"
PAGE = ROOT / "docs" / "models.md"

COLUMNS = {
    "2 parts": ("2-way",),
    "3 parts": ("3-way",),
    "padded batch": ("padded_batch",),
    "beams": ("beams",),
    "sampling": ("sampling",),
    "lookup": ("prompt_lookup",),
    "no cache": ("without_cache",),
    "turns": ("turns",),
    "two sessions": ("interleaved",),
    "bfloat16": ("bfloat16",),
}


def render(results: Mapping[str, Mapping[str, Any]], encoders: Mapping[str, str]) -> str:
    """The page as Markdown. ``encoders``: model types that are no decoder-only language models, and why."""
    working = {name: result for name, result in results.items() if result["status"].startswith("works")}
    refused = {name: result for name, result in results.items() if result["status"] == "refused"}
    families = [name for name in working if "+" not in name]
    exact = [name for name in families if results[name]["status"] == "works"]
    modes = Counter(results[name]["together"]["mode"] for name in families)
    lines = [
        "# Model families",
        "",
        "Written by `scripts/models_table.py` from `tests/families/results.json`; do not edit.",
        "",
        f"{len(families)} of the {sum('+' not in name for name in results)} decoder-only families of transformers "
        f"5.23 work in parts, {len(exact)} of them with every logit bit-equal to the unsplit model. Each was checked "
        "with a tiny model with random weights, in float32 on a CPU with one thread, through the wire encoding in one "
        "process:",
        "",
        "- **2 parts, 3 parts**: 24 greedy tokens and their logits, and the logits of all prompt positions.",
        "- **padded batch**: two prompts, one padded on the left. **beams**: three. **sampling**: seeded, two rows.",
        "- **lookup**: prompt lookup decoding, with roll-backs. **turns**: three turns over one cache. **no cache**: "
        "`use_cache=False`.",
        "- **two sessions**: two sessions whose steps alternate give what each gives alone.",
        "- **bfloat16**: greedy tokens and logits.",
        "- **on the wire**: tensors that travel beside the hidden states.",
        "- **sessions**: how steps of several sessions are computed. `packed`: in one row. `lockstep`: each session "
        "runs its own code, and modules that treat positions alike run once for all. `alone`: one after the other. "
        "Accepted by the self-test that every server makes when it loads, and checked with six sessions of 5 to 600 "
        "tokens, steps of 1 to 64 positions and roll-backs: within 2e-4 of alone, as a fraction of what the blocks "
        "add. A step that brings tensors on the wire runs alone in any case. "
        f"{modes['packed']} families are packed, {modes['lockstep']} run in lockstep, {modes['alone']} alone.",
        "",
        "`n/a`: plain transformers does not offer this on the unsplit model either. A name with `+` is a variant of "
        "the family's config that takes another path through its code.",
        "",
        "| family | status | " + " | ".join(COLUMNS) + " | sessions | on the wire | note |",
        "|---|---|" + "---|" * len(COLUMNS) + "---|---|---|",
    ]
    for name, result in sorted(working.items()):
        cells = [_cell([result["checks"][check] for check in checks]) for checks in COLUMNS.values()]
        lines.append(
            f"| {name} | {result['status']} | {' | '.join(cells)} | {result['together']['mode']} | "
            f"{', '.join(result['extras'])} | {result['note']} |"
        )
    others: dict[str, list[str]] = {}
    for name, result in sorted(working.items()):
        if result["together"]["mode"] != "packed":
            others.setdefault(result["together"]["reason"], []).append(f"`{name}`")
    lines += ["", "## Not packed", "", "Why the sessions of these families do not share one row:", ""]
    lines += [f"- {reason} {', '.join(names)}" for reason, names in sorted(others.items())]
    lines += ["", "## Refused", "", "Meadow says no to these when they are loaded, with this sentence:", ""]
    lines += [f"- `{name}`: {result['note']}" for name, result in sorted(refused.items())]
    lines += ["", "## Not decoder-only", ""]
    reasons = sorted(set(encoders.values()))
    lines += [
        f"- {reason[0].upper()}{reason[1:]}: {', '.join(n for n in sorted(encoders) if encoders[n] == reason)}."
        for reason in reasons
    ]
    return "\n".join(lines) + "\n"


def _cell(shown: list[str]) -> str:
    return next((text for text in shown if text != "ok"), "ok")


def _together(results: dict[str, Any]) -> None:
    import tempfile

    import torch
    from tests.families import zoo
    from tests.families.together import together

    torch.set_num_threads(1)
    for name, result in results.items():
        result["together"] = {}
        if result["status"].startswith("works"):
            with tempfile.TemporaryDirectory() as folder:
                zoo.save(name, Path(folder))
                result["together"] = together(Path(folder)).to_dict()
            print(name, result["together"], flush=True)
    RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")


def main() -> None:
    """Examine families if asked to, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="*", metavar="FAMILY", help="examine these families first (none named: all)")
    parser.add_argument("--together", action="store_true", help="examine only how sessions share passes")
    options = parser.parse_args()
    chosen = options.run
    sys.path.insert(0, str(ROOT))
    from tests.families import zoo

    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if chosen is not None:
        import torch
        from tests.families import matrix
        from transformers.utils import logging as transformers_logging

        torch.set_num_threads(1)
        transformers_logging.set_verbosity_error()
        everything = zoo.everything()
        results = {name: result for name, result in results.items() if name in everything}
        for family in chosen or everything:
            results[family] = matrix.examine(family).to_dict()
            print(family, results[family]["status"], results[family]["note"], flush=True)
            RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")
    if options.together:
        _together(results)
    encoders = {name: why for name in zoo.all_model_types() if (why := zoo.why_not_decoder(name)) is not None}
    PAGE.write_text(render(results, encoders))


if __name__ == "__main__":
    main()
