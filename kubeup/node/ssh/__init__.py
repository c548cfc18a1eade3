"""How a machine is reached: addresses, host keys, logins, bastions."""
