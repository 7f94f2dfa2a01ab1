"""Where the parts are put together: a server with its neighbours, its process, and work on data at rest.

`server` is for everything that wants one in its own loop, `run` for the command line. What reads
configuration hands on values: nothing below knows where they are from. Refuses to know what any part does.
"""
