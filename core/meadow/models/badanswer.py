"""What a server that sends files can do wrong, told apart from what a person has to hear of."""

from __future__ import annotations


class BadAnswer(Exception):
    """A drop, a stall, or an answer that does not fit: worth another try. The text is ours, never the server's.

    ``spoiled``: also the bytes that came before cannot be trusted.
    """

    def __init__(self, what: str, *, spoiled: bool = False) -> None:
        super().__init__(what)
        self.spoiled = spoiled
