"""Official clients, unmodified and with their default settings, against a running server."""
