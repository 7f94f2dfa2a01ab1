"""The bench: Headwater against its peers, and against what the machine can do at all."""
