"""The embedded store: one LMDB file in a data directory or a temporary folder, its commits, check and backup.

Only `storage.open_store` names it, and of it only `back_end`. Refuses to know what the metadata and the
records mean.
"""
