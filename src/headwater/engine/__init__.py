"""What a stream does: life cycle, routing, reading, resharding. Knows no HTTP and no JSON."""
