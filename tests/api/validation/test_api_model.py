import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore
import pytest

from headwater.api.validation.api_model import api_model

SCRIPT = Path(__file__).parents[3] / "scripts" / "generate_api_model.py"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_api_model", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generator = load_generator()


def recorded() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(generator.TARGET.read_text(encoding="utf-8"))
    return facts


def test_the_file_and_the_installed_botocore_agree() -> None:
    installed = generator.installed_facts()
    found = generator.disagreements(recorded(), installed)
    assert not found, "\n".join([*found, generator.scope(recorded(), installed)])


@pytest.mark.skipif(
    botocore.__version__ != recorded()["botocore"],
    reason="only the botocore that the file was made from gives the same bytes",
)
def test_the_same_botocore_gives_the_same_bytes() -> None:
    assert generator.render(generator.installed_facts()) == generator.TARGET.read_text(encoding="utf-8")


def test_with_the_same_botocore_every_fact_counts() -> None:
    facts, changed = recorded(), recorded()
    members = changed["shapes"]["PutRecordInput"]["members"]
    members["StreamName"] = members.pop("StreamName")  # only the order is another
    changed["shapes"]["StreamName"]["max"] = 129
    del changed["operations"]["PutRecord"]
    found = generator.disagreements(facts, changed)
    assert [line.partition(":")[0] for line in found] == [
        "operation PutRecord",
        "shape PutRecordInput",
        "shape StreamName",
    ]


def test_with_another_botocore_only_names_count() -> None:
    facts, other = recorded(), recorded()
    other["botocore"] = "999.0.0"
    other["shapes"]["StreamName"]["max"] = 129
    other["shapes"]["Brand"] = {"type": "string"}
    assert generator.disagreements(facts, other) == []
    assert "names of operations, shapes and members only" in generator.scope(facts, other)
    del other["operations"]["PutRecord"]
    del other["shapes"]["PutRecordsRequestEntry"]
    del other["shapes"]["PutRecordInput"]["members"]["Data"]
    assert generator.disagreements(facts, other) == [
        "operation PutRecord is no longer known",
        "shape PutRecordsRequestEntry is no longer known",
        "PutRecordInput has lost its member Data",
        "PutRecordsRequestEntry has lost its member Data",
        "PutRecordsRequestEntry has lost its member ExplicitHashKey",
        "PutRecordsRequestEntry has lost its member PartitionKey",
    ]


def test_the_model_has_every_operation() -> None:
    model = api_model()
    assert len(model.operations) == 57
    assert model.api_version == "2013-12-02"


def test_an_operation_names_its_shapes_and_errors() -> None:
    put_record = api_model().operations["PutRecord"]
    assert put_record.input == "PutRecordInput"
    assert put_record.output == "PutRecordOutput"
    assert "ProvisionedThroughputExceededException" in put_record.errors
    assert api_model().operations["DeleteStream"].output is None


def test_one_operation_streams_events() -> None:
    streaming = [name for name, operation in api_model().operations.items() if operation.event_stream]
    assert streaming == ["SubscribeToShard"]


def test_members_keep_the_order_of_the_model() -> None:
    shape = api_model().shapes["PutRecordsRequestEntry"]
    assert list(shape.members) == ["Data", "ExplicitHashKey", "PartitionKey"]
    assert shape.required == {"Data"}


def test_every_shape_that_is_named_exists() -> None:
    model = api_model()
    for operation in model.operations.values():
        assert operation.input in model.shapes
        assert operation.output is None or operation.output in model.shapes
        assert set(operation.errors) <= model.shapes.keys()
    for shape in model.shapes.values():
        named = {*shape.members.values(), shape.member, shape.key, shape.value} - {""}
        assert named <= model.shapes.keys()


def test_the_file_holds_no_documentation() -> None:
    assert "documentation" not in generator.TARGET.read_text(encoding="utf-8")
