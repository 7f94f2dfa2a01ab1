"""The name of a file: the bytecode of this module, at whose end `code_cache` keeps what a start needs.

So it goes when other bytecode goes: with another version of Headwater or of Python, and when Headwater is
uninstalled. Nobody imports this.
"""
