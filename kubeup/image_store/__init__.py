"""Images on nodes without a registry: what is needed, what is there, and bringing the rest over SSH.

needs.py: what a cluster needs. survey.py: what nodes have. push.py: from here to nodes. fetch.py: to here.
provision.py: all of it, for images that are about to run. How archives are read and written is in images/
"""
