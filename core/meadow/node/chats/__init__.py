"""Conversations: a SQLite file with a tree of messages for each chat, and the service that streams answers into it.

Start reading at ``store``: everything that can be kept or asked, on one thread. ``records`` says what a chat and a
message are, ``schema`` what the tables look like, ``upgrade`` how an older file becomes a current one (and why a
newer one is left alone), ``tree`` what branches are. ``service`` runs answers of the chat engine into the store and
to listeners; ``running`` is one such answer. ``export`` and ``importing`` are Markdown and JSON. docs/chats.md has
the promises.

May import ``meadow.chat.request`` (what the engine is asked), ``platform`` and errors; the router in
``meadow.node.http.chats`` and the node use it.
"""
