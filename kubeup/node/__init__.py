"""One machine: how it is reached (ssh), what goes over (wire), what runs there (agent)."""
