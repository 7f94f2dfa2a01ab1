"""The files of examples/: each is what the tool that it is for takes, and fits together with the server."""
