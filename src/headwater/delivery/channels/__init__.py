"""Channels of Kinesis at work: what CreateChannel has asked for, delivered.

    channel_deliveries ─► provisioning, bucket_destination ─► dead_letters, channel_log

A channel itself, its states and what calls do to it are a part of its stream (`model/channel.py`).

Refuses to know requests and answers.
"""
