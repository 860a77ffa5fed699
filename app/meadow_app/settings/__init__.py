"""Settings as people see them: the node's registry as forms, and the few things that only the app keeps.

``preferences`` is the app's own small file, ``shortcuts`` the one table of keys, ``registry`` turns the node's registry
into rows and ``form`` keeps them up to date; ``settings`` puts it all together for the page. Start there. What the node
keeps is never written here: a change is a request, and the row shows the node's answer.
"""
