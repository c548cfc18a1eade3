"""What goes over the connection: one constant command a call, a stream in, lines out."""
