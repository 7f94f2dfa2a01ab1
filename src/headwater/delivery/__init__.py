"""Delivery: a stream's records as objects and tables in other services. A folder that could be deleted.

    channels ─► delivery ─► progress
                  ├───────► source (followers)
                  └───────► objects, compression ─► service_calls

- `delivery`: one delivery at work: follows a source, gathers by size and by age, delivers batch after batch;
- `batch_plan`: what a batch is, written down before it is delivered; `progress`: how far each delivery is;
- `source`: the records of a stream, through reshards;
- `service_calls`: calls to the neighbouring services, or to those that the server forwards to;
- `objects`: S3; `compression`: what the body of an object goes through;
- `channels`: Kinesis's own channels.

A batch's plan is in the store before its delivery begins, and the shards' new places are when it has ended.
So a server that is killed meanwhile makes the same batch again, from the same records, and delivers it
under the same number: an object is written over, a table knows that it has the batch.

Refuses to know HTTP's connections, and who asked for a delivery.
"""
