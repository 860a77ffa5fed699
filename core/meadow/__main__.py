"""``python -m meadow`` is the ``meadow`` command."""

from __future__ import annotations

from meadow.cli import entry

entry()
