"""The desktop app: a window that speaks to the node over HTTP. It imports PySide6 and the standard library only.

Where to start reading: ``application`` (the app as one object), then ``link`` (how it finds and hears the node).
"""

import sys

__version__ = "0.1.0"
"""Of the window; tests/app/test_settings_app.py holds it to the node's."""

if sys.version_info < (3, 12):
    # PySide6 6.12.0 takes a reference from None at each call of a C++ function that returns nothing, and now and then
    # one from True or False: it was built as if they could not die, which is true from Python 3.12 on. With some five
    # thousand references to lose, the app would end in "none_dealloc" within seconds. 6.11.3 does not do it.
    # tests/app/test_text_none.py watches it.
    import ctypes

    for constant in (None, True, False):
        ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40
    del constant
