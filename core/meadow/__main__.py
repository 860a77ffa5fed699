"""``python -m meadow`` is the ``meadow`` command."""

from __future__ import annotations

import sys

from meadow.cli import main

sys.exit(main())
