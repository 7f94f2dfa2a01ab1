"""The client library, against a running server."""
