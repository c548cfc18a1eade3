"""A small internet: upstream's sites as upstream has them, with an authority and names of their own.

table.py: which paths there are and what lies there, from public sources and not from kubeup's own tables. shelf.py and
images.py: the bytes, packed as upstream packs them. sites.py, github.py and registries.py: how each site answers.
server.py: TLS for all of them. names.py: a name server. proxy.py: a forward proxy. ``python -m tests.world`` is all of
it as one program; tests/lab/world.py puts it into a lab's network.
"""
