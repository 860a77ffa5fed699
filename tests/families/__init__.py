"""The exactness promise, family by family: tiny models of every decoder-only causal LM, whole and in parts.

``zoo`` makes the models, ``inprocess`` drives a split one through the wire encoding without a network, ``matrix`` runs
the checks and collects what they show, the tests assert it. Start reading with ``zoo``.
"""
