"""Lambda on the server's port: a folder that could be deleted.

`lazy` stands for it until the first request, `service` puts it together. Of the engine it
uses streams, their logs and a few metadata keys of its own; it refuses to know how they are stored.
"""
