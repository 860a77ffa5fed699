"""HTTP on 127.0.0.1: the one door of the node. ``gate`` decides who may enter, each other file serves one area."""
