"""CloudWatch Logs shows what functions write."""

from __future__ import annotations

from headwater.testing import Headwater
from tests.lambda_.function_server import FunctionServer
from tests.neighbours.conftest import clients_for

HANDLER = "def handler(event, context):\n    print('said', event['word'])\n"


def test_a_function_has_a_group_with_its_lines() -> None:
    with Headwater() as headwater:
        logs = clients_for(headwater.endpoint_url)("logs")
        assert logs.describe_log_groups()["logGroups"] == []
        functions = FunctionServer(headwater.endpoint_url)
        functions.create_python("speaker", HANDLER)

        def messages() -> list[str]:
            events = logs.filter_log_events(logGroupName="/aws/lambda/speaker")["events"]
            return [each["message"] for each in events if each["message"].startswith("said")]

        functions.invoke("speaker", {"word": "one"})
        assert messages() == ["said one"]
        functions.invoke("speaker", {"word": "two"})
        assert messages() == ["said one", "said two"]
        elsewhere = clients_for(headwater.endpoint_url)("logs", region_name="eu-west-1")
        assert elsewhere.describe_log_groups()["logGroups"] == []
        headwater.reset()
        assert logs.describe_log_groups()["logGroups"] == []
