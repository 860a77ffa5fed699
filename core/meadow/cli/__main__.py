"""``python -m meadow.cli``: the same as the ``meadow`` command."""

import sys

from meadow.cli import main

if __name__ == "__main__":
    sys.exit(main())
