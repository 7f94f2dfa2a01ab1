"""The store of many gateways: a Kafka topic for each log, and metadata as a log of conditional commands.

`back_end` opens one, `store` is what the engine sees, `docs/scale-out.md` says how it works.

Refuses to know what is in a record, and how many gateways there are: the log says that.
"""
