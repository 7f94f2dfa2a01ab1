"""A producer and a consumer for applications, against AWS or any Kinesis endpoint."""
