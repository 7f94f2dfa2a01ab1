"""Lambda, as far as Kinesis users need it: event source mappings, and the functions that they invoke."""
