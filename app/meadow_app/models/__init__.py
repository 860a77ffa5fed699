"""Choosing a model, for chats and for sharing: what there is, what it costs, fetching it. Start with ``Models``."""
