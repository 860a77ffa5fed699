"""Every bound of the wire in one place: what is larger than this is refused before memory is spent on it.

The figures are generous for honest use and small for an attacker: a frame holds a chunk of 256 positions of a model
with hidden size 16384 in float32 three times over.
"""

from __future__ import annotations

PROTOCOL_MIN = 1
"""Oldest protocol version that this code still speaks."""
PROTOCOL_MAX = 1
"""Newest protocol version that this code speaks."""

FRAME_PREFIX = 4
"""Bytes of the big-endian length in front of every message on a stream."""
MAX_FRAME = 64 * 1024 * 1024
"""Largest message (bytes, without the prefix) on a stream that belongs to an open session."""
MAX_GREETING = 16 * 1024
"""Largest message (bytes) before a session is open: a stranger can make us hold no more than this."""
MAX_HEADER = 0xFFFF
"""Largest msgpack header (bytes) of a message or of a section; the length field is an unsigned 16-bit number."""

MAX_RANK = 5
MAX_DIMENSION = 1 << 24
MAX_TENSORS = 512
"""Tensors in one section."""
MAX_SECTIONS = 512
"""Sections of one step: one per later server, plus two."""
MAX_NAME = 64
"""Characters of an argument name."""
MAX_BLOCKS = 1024
"""Blocks of a model."""

WINDOW = 4
"""Frames per session and hop that may be under way, that is, sent and not yet reported as computed."""
MAX_ROWS = 256
"""Rows of a batch (beams included)."""
MAX_LENGTH = 1 << 24
"""Positions of a session."""
MAX_STEP = 1 << 14
"""Positions of one frame's step: long steps travel as several, but not those of reproducible sessions."""
MAX_REPLAYED = 256
"""Positions of one frame that a sender makes of several for a replay."""
MAX_PREFIXES = 160
"""Names of beginnings in one message."""
PREFIX_NAME = 16
"""Bytes of such a name."""
MAX_OPS = 64
"""Cache operations in front of one step."""

MAX_SEQ = (1 << 53) - 1
MAX_EPOCH = (1 << 32) - 1
SESSION_ID = 16
"""Bytes of a session id: 128 random bits."""
FINGERPRINT = 32
"""Bytes of a model fingerprint."""
NONCE = 16
MAX_RECORD = 512
"""Bytes of a signed server record."""
