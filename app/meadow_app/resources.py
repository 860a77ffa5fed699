"""Where the app's own files are: QML, icons, translations.

In a checkout they lie in ``resources/`` at the root of the repository; an installed wheel carries the same folder as
the data package ``meadow/_resources`` (see setup.py), found here without importing ``meadow``.
"""

from __future__ import annotations

from pathlib import Path

_SOURCE = Path(__file__).resolve().parent.parent  # app/ in a checkout, site-packages when installed


class ResourcesMissing(Exception):
    """The installation lacks its own files."""


def resource_root() -> Path:
    """The folder that holds all of them. Raises ResourcesMissing."""
    for root in (_SOURCE / "meadow" / "_resources", _SOURCE.parent / "resources"):
        if (root / "qml" / "Main.qml").is_file():
            return root
    raise ResourcesMissing("Meadow's own files are missing. Install Meadow again.")
