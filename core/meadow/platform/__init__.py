"""What differs between operating systems, one idea a file. Imports only ``meadow.errors``; node and cli use it.

``paths``: where identity, caches, logs and sockets live. Start there.
"""
