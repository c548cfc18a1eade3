"""Images on nodes without a registry: what is needed, what is there, and bringing the rest over SSH.

required.py: what a cluster needs. survey.py: what nodes have. push.py: from here to nodes. fetch.py: to here.
provision.py: all of it, for images that are about to run. pull_via_proxy.py: nodes pull through this machine.
registry.py: one image out of a registry. How archives are read and written is in images/.
"""
