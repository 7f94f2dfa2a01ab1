"""Firehose: delivery streams, from direct puts or a stream to buckets and HTTP endpoints.

- `lazy`, `json_api`, `put_requests`, `operations`: the API; `firehose_model`: its facts; `errors`;
- `delivery_stream`, `destinations`, `processing`, `object_names`, `java_dates`, `conversion_settings`,
  `endpoint`: values, and the rules by which they are checked;
- `store`: what is kept; `direct_source`: what was put, as a source of deliveries;
- `delivery_streams`: all of a server's at work; `recipes`: what a configuration means for a batch;
  `batch`: gathered, worked out, delivered;
- `items`, `deaggregation`, `transformation`, `partition_keys`, `hive_types`, `conversion`: what a record
  goes through;
- `endpoint_sender`, `failure_log`: what is told to others.

Refuses to know how streams are followed and objects are written: all deliveries share what does that.
"""
