"""The schema of `AWS::Kinesis::Queue`, which cfn-lint does not have yet.

Its properties, their types, and what an update of each needs are those of CloudFormation's template
reference. The reference's list of return values was not at hand: the read-only properties are the
members of QueueDescription that are not properties, named as those of `AWS::Kinesis::StreamConsumer` are.

Refuses to know how a queue is made.
"""

from __future__ import annotations

from typing import Any

QUEUE_TYPE = "AWS::Kinesis::Queue"

QUEUE_SCHEMA: dict[str, Any] = {
    "typeName": QUEUE_TYPE,
    "additionalProperties": False,
    "createOnlyProperties": ["/properties/QueueName", "/properties/StreamConfigurationList"],
    "readOnlyProperties": [
        "/properties/QueueARN",
        "/properties/QueueCreationTimestamp",
        "/properties/QueueStatus",
    ],
    "tagging": {"taggable": True, "tagProperty": "/properties/Tags"},
    "required": ["StreamConfigurationList"],
    "properties": {
        "QueueARN": {"type": "string"},
        "QueueAttributes": {"$ref": "#/definitions/QueueAttributes"},
        "QueueCreationTimestamp": {"type": "string"},
        "QueueName": {"type": "string"},
        "QueueStatus": {"type": "string"},
        "StreamConfigurationList": {
            "type": "array",
            "items": {"$ref": "#/definitions/QueueStreamConfiguration"},
        },
        "Tags": {"type": "array", "items": {"$ref": "#/definitions/Tag"}},
    },
    "definitions": {
        "DeadLetterConfiguration": {
            "type": "object",
            "additionalProperties": False,
            "required": ["TargetType"],
            "properties": {
                "MaxReceiveCount": {"type": "integer"},
                "TargetType": {"type": "string", "enum": ["BUILT_IN", "NONE"]},
            },
        },
        "QueueAttributes": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "DeadLetterConfiguration": {"$ref": "#/definitions/DeadLetterConfiguration"},
                "VisibilityTimeoutSeconds": {"type": "integer"},
            },
        },
        "QueueStartingPosition": {
            "type": "object",
            "additionalProperties": False,
            "required": ["Type"],
            "properties": {
                "Timestamp": {"type": "string"},
                "Type": {"type": "string", "enum": ["AT_TIMESTAMP", "LATEST", "TRIM_HORIZON"]},
            },
        },
        "QueueStreamConfiguration": {
            "type": "object",
            "additionalProperties": False,
            "required": ["StreamARN"],
            "properties": {
                "StartingPosition": {"$ref": "#/definitions/QueueStartingPosition"},
                "StreamARN": {"type": "string"},
            },
        },
        "Tag": {
            "type": "object",
            "additionalProperties": False,
            "required": ["Key", "Value"],
            "properties": {"Key": {"type": "string"}, "Value": {"type": "string"}},
        },
    },
}
