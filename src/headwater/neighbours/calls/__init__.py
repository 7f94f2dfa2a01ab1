"""How a service, in its own thread, asks the streams and the functions of the server that it belongs to.

Refuses to know the services.
"""
