"""What a client does when a server of its route dies, hangs, is cut off, answers garbage or leaves.

``machine.py`` decides, without a clock or a socket; ``mover.py`` does what it says; ``bans.py`` remembers who failed.
"""
