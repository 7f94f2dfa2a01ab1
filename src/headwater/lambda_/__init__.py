"""Lambda on the server's port: a folder that could be deleted.

`lazy` stands for it until the first request, `service` puts it together. It uses the engine's
streams and, through the engine, the watch and extent of their logs and a few metadata keys of its own. It
refuses to know the store: of `storage` it names errors and `Metadata` only.
"""
