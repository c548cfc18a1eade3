"""From a profile and facts to a plan: the cluster as it is, what each node should have, and the way there. Pure."""
