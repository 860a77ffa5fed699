"""Everything between a string from a model or a peer and pixels.

Such text is untrusted. ``plain`` takes out of it what could deceive (control characters, direction overrides, letters
buried under accents). ``markdown`` turns it into typed ``blocks``; there is no HTML on the way in or out. ``segments``
groups blocks into what one item of the window shows, ``painter`` writes a segment into a QTextDocument with formats
only, and ``document`` is the model that QML binds to (``MessageDocument``): start reading there. ``highlight`` colours
code, ``links`` decides which links can be opened.

Nothing here loads anything: no image, no file, no address.
"""
