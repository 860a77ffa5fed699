"""Where the files are that travel with Meadow: the bundled demo model, the list of initial peers, later QML and icons.

In a checkout they lie in ``resources/`` at the root of the repository; an installed wheel carries the same folder as
the data package ``meadow/_resources`` (see setup.py).
"""

from __future__ import annotations

from pathlib import Path

from meadow.errors import MeadowError

_HERE = Path(__file__).resolve().parent


def resource_root() -> Path:
    """The folder that holds all resources. Raises MeadowError when the installation lacks it."""
    for root in (_HERE / "_resources", _HERE.parents[1] / "resources"):
        if root.is_dir():
            return root
    raise MeadowError("Meadow's own resource files are missing. Install Meadow again.")


def resource(*parts: str) -> Path:
    """The path of one resource, for example ``resource("demo-model")``. Raises MeadowError when it does not exist."""
    path = resource_root().joinpath(*parts)
    if not path.exists():
        raise MeadowError(f"Meadow's own file resources/{'/'.join(parts)} is missing. Install Meadow again.")
    return path
