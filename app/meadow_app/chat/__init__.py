"""Conversations: what the list in the sidebar and the chat page show, and what a person can do there.

``chats.Chats`` is the whole of it: the list (``listing``), search (``searching``), files (``files``), undo (``undo``),
and the chat that is open. ``conversation.Conversation`` is one chat: its ``messages`` along the chosen path, its
``sampling`` settings, sending and branching. ``listening`` follows one answer as it is written. ``facts`` and
``people`` turn what the node measured into the words under an answer. Everything that the node says about chats is in
docs/chats.md. Imports Qt, the standard library and ``link``, ``text``, ``figures`` and ``rows`` of the app.
"""
