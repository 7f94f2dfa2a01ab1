"""Moto, imported: the only module, beside those about CloudFormation, that knows its inside.

Imported at the first request for a neighbouring service. Tested with the versions of moto that
`pyproject.toml` names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import get_service_model
from moto.iam.models import get_account_id_from
from moto.kms.models import kms_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from headwater.engine.encryption_key import KeyState
from headwater.model.caller import Caller
from headwater.neighbours import moto_partitions
from headwater.neighbours.calls.current import CURRENT_SERVER, ServerCalls
from headwater.neighbours.calls.firehose import FirehoseCalls
from headwater.neighbours.calls.kinesis import StreamCalls
from headwater.neighbours.calls.lambda_ import LambdaCalls
from headwater.neighbours.delivery.outbox import GivenUp, RecordOutbox
from headwater.neighbours.keeping import moto_pickle
from headwater.neighbours.keeping.bodies import Bodies
from headwater.neighbours.moto import MOMENT_KEY, SERVICE_KEY, Application, Environ, LinesAfter
from headwater.neighbours.rpc_v2_cbor import ModelShape

OUTBOX = "outbox"
LOGS_MODULE = "moto.logs.models"
FED_BY_OTHERS = ("events", "logs")
"""Services that deliver without a request of their own: S3 makes events, functions write lines."""
STATES: dict[str, KeyState] = {"Disabled": "Disabled", "PendingDeletion": "PendingDeletion"}
"""Of a key, by KMS's name for it; with any other it is usable."""

MODEL_NAMES = {"monitoring": "cloudwatch"}
"""The services whose models have another name than their signatures' scopes."""


class _Dispatcher(DomainDispatcherApplication):
    """Knows the service of a request that is signed in its query, or not at all, from Headwater."""

    def get_application(self, environ: Environ) -> Any:
        """The application of one service. No path leads to moto's own administration."""
        service, region = environ[SERVICE_KEY]
        scope = f"AWS4-HMAC-SHA256 Credential=key/date/{region}/{service}/aws4_request"
        with self.lock:
            host = self.infer_service_region_host(
                environ | {"HTTP_AUTHORIZATION": scope}, environ["PATH_INFO"]
            )
            backend = self.get_backend_for_host(host)
            if backend is None:
                raise NotImplementedError(f"{service} is not known")
            if backend not in self.app_instances:
                self.app_instances[backend] = self.create_app(backend)
            return self.app_instances[backend]


def _app_of(service: Any) -> Any:
    """The application of one service, with what Headwater has put into it."""
    _install(service)
    return create_backend_app(service)


def _install(service: str) -> None:
    """Put into a service what is Headwater's; more than once is as once."""
    if service == "cloudformation":
        from headwater.neighbours.cloudformation.corrections import install  # noqa: PLC0415 - two seconds, and 150 MiB

        install()
    if service == "cloudwatch":
        # Moto finds every provider that is imported.
        from headwater.neighbours.metrics import install as install_metrics  # noqa: PLC0415

        install_metrics()
    if service in ("dynamodb", "cloudformation"):
        from headwater.neighbours.dynamodb.requests import install as install_tables  # noqa: PLC0415 - as above

        install_tables()
    if service in ("logs", "events", "cloudformation"):
        from headwater.neighbours.logs.subscription_filters import install as install_filters  # noqa: PLC0415 - as above

        install_filters()
    if service in ("events", "cloudformation"):
        from headwater.neighbours.events.rule_targets import install as install_targets  # noqa: PLC0415 - as above

        install_targets()
    if service in ("pipes", "cloudformation"):
        from headwater.neighbours.pipes.stream_pipes import install as install_pipes  # noqa: PLC0415 - as above

        install_pipes()
    if service == "resourcegroupstaggingapi":
        from headwater.neighbours.tagged_streams import install as install_tagged_streams  # noqa: PLC0415 - as above

        install_tagged_streams()


_RUNNING: set[Moto] = set()
"""Those of servers that run in this process: moto has one state for all."""


def _bury(lost: GivenUp) -> None:
    from headwater.neighbours.events.dead_letters import bury_record  # noqa: PLC0415 - as all of moto

    bury_record(lost)


class Moto:
    """All of moto's services."""

    def __init__(
        self,
        kinesis: StreamCalls,
        lambda_: LambdaCalls,
        firehose: FirehoseCalls,
        lines_after: LinesAfter,
        warn: Callable[[str], None],
    ) -> None:
        """The calls are those to the server that it is a neighbour of; `lines_after` are of its functions."""
        moto_partitions.install()
        self.outbox = RecordOutbox(kinesis, warn, _bury)
        self._server = ServerCalls(kinesis, lambda_, firehose, self.outbox)
        self._lines_after = lines_after
        self._groups: Any = None
        self._dispatcher: Application = _Dispatcher(_app_of)
        self.is_kept = False
        _RUNNING.add(self)

    def application(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application of all services."""
        token = CURRENT_SERVER.set(self._server)
        try:
            service, region = environ[SERVICE_KEY]
            if service == "logs":
                self._show_function_logs(Caller(environ["HTTP_X_MOTO_ACCOUNT_ID"], region))
            if service == "dynamodb":
                from headwater.neighbours.dynamodb.requests import answered  # noqa: PLC0415 - as all of moto

                moment = environ[MOMENT_KEY]
                return answered(self._dispatcher, environ, start_response, moment, self.outbox)
            return self._dispatcher(environ, start_response)
        finally:
            CURRENT_SERVER.reset(token)

    def _show_function_logs(self, caller: Caller) -> None:
        if self._groups is None:
            from headwater.neighbours.function_logs import FunctionLogGroups  # noqa: PLC0415 - as all of moto

            self._groups = FunctionLogGroups(self._lines_after)
        self._groups.show(caller)

    def run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool] | None:
        """Take a batch through a pipe: what came of it, and whether it is an error; `None`: no such pipe."""
        from headwater.neighbours.pipes.pipe_run import PipeFailed, run  # noqa: PLC0415 - as all of moto
        from headwater.neighbours.pipes.stream_pipes import pipe_at  # noqa: PLC0415 - as above

        pipe = pipe_at(arn)
        if pipe is None:
            return None
        token = CURRENT_SERVER.set(self._server)
        try:
            return run(pipe, event), False
        except PipeFailed as failed:
            return failed.payload, True
        except Exception as error:  # noqa: BLE001 - whatever a target says is the batch's failure
            return PipeFailed(type(error).__name__, str(error)).payload, True
        finally:
            CURRENT_SERVER.reset(token)

    def show_followed_functions(self) -> bool:
        """Let subscription filters have what functions wrote; whether there are any such filters."""
        if LOGS_MODULE not in sys.modules:
            return False
        from headwater.neighbours.logs.subscription_filters import followed_callers  # noqa: PLC0415 - as all of moto

        token = CURRENT_SERVER.set(self._server)
        try:
            callers = followed_callers()
            for caller in callers:
                self._show_function_logs(caller)
        finally:
            CURRENT_SERVER.reset(token)
        return bool(callers)

    def output_shape(self, service: str, operation: str) -> ModelShape | None:
        """The answer of an operation, in the service's model; `None` for nothing."""
        model = get_service_model(MODEL_NAMES.get(service, service))
        found: ModelShape | None = model.operation_model(operation).output_shape
        return found

    def error_shape(self, service: str, operation: str, name: str) -> ModelShape | None:
        """The error of an operation that has a name, or a code, in the service's model; `None` without one.

        The code is the error's name in the older protocols, several errors may share it, and an
        operation's own come first.
        """
        model = get_service_model(MODEL_NAMES.get(service, service))
        own = model.operation_model(operation).error_shapes if operation in model.operation_names else []
        named = [error for error in model.error_shapes if error.name == name]
        candidates: list[Any] = [*own, *named, *model.error_shapes]
        return next((error for error in candidates if name in (error.name, error.error_code)), None)

    def account_of(self, access_key_id: str) -> str | None:
        """The account of a key that the neighbouring IAM or STS has given out."""
        account_id: str = get_account_id_from(access_key_id)
        return None if account_id == DEFAULT_ACCOUNT_ID else account_id

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key of the neighbouring KMS is; `None` where it has no keys at all."""
        backend = kms_backends[caller.account_id][caller.region]
        if not backend.keys:
            return None
        name = key_id.rpartition(":")[2] if key_id.startswith("arn:") else key_id
        found = (
            backend.get_key_id_from_alias(name) if name.startswith("alias/") else name.removeprefix("key/")
        )
        key = backend.keys.get((found or "").rpartition("/")[2])
        return "Unknown" if key is None else STATES.get(key.key_state, "Usable")

    def reset(self) -> None:
        """Forget everything."""
        self.outbox.clear()
        BackendDict.reset()
        reset_model_data()

    def take_for_itself(self, warn: Callable[[str], None]) -> bool:
        """Forget what earlier servers of the process left; a no, with a warning, while one still runs."""
        if _RUNNING - {self}:
            warn("The neighbours are not kept: another server in this process shares them.")
            return False
        self.reset()
        self.is_kept = True
        return True

    def dump(self, bodies: Bodies, warn: Callable[[str], None]) -> bytes:
        """All that the services keep; warns of one whose state cannot be written."""

        def left_out(service: str, error: Exception) -> None:
            warn(f"The state of the neighbouring {service} cannot be kept: {error}")

        return moto_pickle.dump({OUTBOX: self.outbox.state()}, bodies, left_out)

    def restore(self, state: bytes, bodies: Bodies) -> None:
        """Have what was dumped. Raises `StateRefused`."""
        self.outbox.restore(moto_pickle.load(state, bodies)[OUTBOX])
        for service in FED_BY_OTHERS:
            if f"moto.{service}.models" in sys.modules:
                _install(service)

    def close(self) -> None:
        """The server that it belongs to ends."""
        _RUNNING.discard(self)
