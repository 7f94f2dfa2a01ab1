"""Values and rules of streams. Knows no bytes on a wire, no files, no sockets."""
