"""What keeps a program from the server: the checks, and the command that shows what they find.

Refuses to know how a server is started.
"""
