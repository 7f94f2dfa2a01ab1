"""One module for each operation of the API, named like it."""
