"""Bytes to values and back. Knows neither sockets nor operations."""
