"""Where files come from: the profile's ordered sources, one after the other, until one has it."""
