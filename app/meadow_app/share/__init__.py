"""Sharing, as the window shows it. Start with ``share.Share``; ``words`` makes the word and the sentence of a state.

View-models only: they read the state tree and the node's API through ``meadow_app.link`` and know nothing of windows.
"""
