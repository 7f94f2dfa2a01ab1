"""What a queue does with a stream's records: hands them out, takes receipts, sets dead letters aside.

    queues ─► live_queue ─► sharing, handles ─► settling ─► tracking ─► progress
                  └─► waiting_line      └─► receipts, log_runs

- `progress`: which records of a shard are done with, or dead letters: what the store keeps;
- `tracking`: which are handed out, visible again, or about to be settled: what memory keeps;
- `settling`: how acknowledgements gather into commits;
- `handles`: what a receipt handle can still do;
- `sharing`: what servers that share a queue tell each other through these;
- `waiting_line`: who waits for records, in which order;
- `counting`, `dead_letters`: how a queue stands, and what it has set aside, for those who look;
- `live_queue`: one queue at work; `queues`: all of them, and how they are found.

A receive is in memory only, where one server has the store for itself; in the store, where several share it.
An acknowledgement, a dead letter and a restore are in the store before anybody hears of them. So a restart
hands out again what was in flight, and forgets nothing else.

Refuses to know HTTP, requests and answers, and how a stream changes.
"""
