"""What a server's deliveries do when it is reset, and when it starts again."""

from __future__ import annotations

from pathlib import Path

from headwater.testing import Headwater
from headwater.testing.admin_client import AdminClient
from tests.delivery.delivered_stream import DeliveredStream
from tests.neighbours.conftest import clients_for
from tests.waiting import wait_until


def test_a_reset_forgets_channels_and_their_names_are_free(tmp_path: Path) -> None:
    with Headwater(data_dir=tmp_path) as server:
        clients = clients_for(server.endpoint_url)
        stream = DeliveredStream(server, clients)
        stream.channel()
        stream.put([b"1"])
        stream.gathered()
        server.reset()
        assert AdminClient(server.endpoint_url).get("deliveries") == {"deliveries": []}
        again = DeliveredStream(server, clients, stream.name)
        again.channel("BYTE_ARRAY")
        again.put([b"2"])
        again.delivered()
        assert list(again.objects().values()) == [b"2"]
    with Headwater(data_dir=tmp_path) as server:
        restarted = DeliveredStream(server, clients_for(server.endpoint_url), stream.name, is_new=False)
        wait_until(lambda: restarted.status()["batches_delivered"] == 1)
        restarted.put([b"3"])
        restarted.delivered()
        assert sorted(restarted.objects().values()) == [b"2", b"3"]
