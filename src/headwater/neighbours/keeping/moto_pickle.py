"""Moto's objects as bytes, and back: what all services keep, in one pickle, so that they still share it.

Rules:
- what cannot be pickled is written as what makes it again: a lock as a new one, a private key as its PEM,
  a function that was made inside another as the place of its code, a thread without what it runs;
- the table of a service's backends is never written itself: it is found in its module again;
- bodies of objects in S3 are files of their own, named by their digest, and written once;
- reading calls nothing but moto's, Headwater's and harmless classes: a snapshot names no other;
- a service whose state cannot be written is left out by name, and all others are kept.

Moto's version must be the same: the inside of its objects is nobody's promise.
"""

from __future__ import annotations

import copyreg
import importlib
import inspect
import io
import pickle
import sys
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, GeneratorType, MethodType
from typing import Any

from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.kms.models import kms_backends
from moto.s3.models import FakeKey

from headwater.neighbours.keeping.bodies import Bodies
from headwater.neighbours.keeping.snapshot_file import StateRefused

BODY_BYTES_MIN = 16 * 1024
"""Smaller ones are in the snapshot itself."""
PEM = "PEM"
ATTRIBUTES = "attributes"

ALLOWED_PACKAGES = ("moto", "headwater.neighbours")
ALLOWED_NAMES = {
    "builtins": {
        "bytearray",
        "complex",
        "dict",
        "frozenset",
        "list",
        "object",
        "range",
        "set",
        "slice",
        "tuple",
    },
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "copyreg": {"_reconstructor", "__newobj__", "__newobj_ex__"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "functools": {"partial"},
    "ipaddress": {"IPv4Address", "IPv4Network", "IPv6Address", "IPv6Network"},
    "re": {"_compile"},
    "requests.structures": {"CaseInsensitiveDict"},
    "uuid": {"UUID", "SafeUUID"},
    "zoneinfo": {"ZoneInfo"},
}
"""What a snapshot may name beside the classes and functions of the packages."""

NAMED = (type, FunctionType, BuiltinFunctionType)
"""What a pickle has by name."""

Place = tuple[str, str]
"""A module, and a name in it."""


def dump(extras: Mapping[str, Any], bodies: Bodies, left_out: Callable[[str, Exception], None]) -> bytes:
    """All that moto's services keep, with `extras`; tells `left_out` each service that cannot be written."""
    states = {_place_of(backends): _state_of(backends) for backends in list(vars(BackendDict)["_instances"])}
    extras = {**extras, ATTRIBUTES: _attributes()}
    try:
        return _dumped((states, extras), bodies)
    except (pickle.PicklingError, TypeError, AttributeError):
        whole = {}
        for place, state in states.items():
            try:
                _dumped(state, bodies)
            except (pickle.PicklingError, TypeError, AttributeError) as error:
                left_out(place[0].split(".")[1], error)
            else:
                whole[place] = state
        return _dumped((whole, extras), bodies)


def load(state: bytes, bodies: Bodies) -> dict[str, Any]:
    """Let moto's services have what `dump` wrote; gives the extras. Raises `StateRefused`."""
    try:
        states, extras = _Unpickler(io.BytesIO(state), bodies).load()
        found = {place: _at(place) for place in states}
    except StateRefused:
        raise
    except Exception as error:
        raise StateRefused(f"{type(error).__name__}: {error}") from error
    for place, accounts in states.items():
        for account_id, regions in accounts.items():
            for region, backend in regions.items():
                dict.__setitem__(found[place][account_id], region, backend)
    kept: dict[str, Any] = extras
    for place, attributes in kept.pop(ATTRIBUTES, {}).items():
        vars(_at(place)).update(attributes)
    return kept


def _attributes() -> dict[Place, dict[str, Any]]:
    """What some tables of backends know beside these: S3 whose each bucket is, Organizations the members."""
    usual = vars(kms_backends).keys()  # a plain one
    special = [table for table in vars(BackendDict)["_instances"] if type(table) is not BackendDict]
    return {
        _place_of(table): {name: value for name, value in vars(table).items() if name not in usual}
        for table in special
    }


def _state_of(backends: Any) -> dict[str, dict[str, Any]]:
    return {account_id: dict(regions.items()) for account_id, regions in backends.items()}


def _place_of(backends: Any) -> Place:
    """Where a service's table of backends is found; its class is in the same module or below its package."""
    home = backends.backend.__module__
    while home:
        for name, value in vars(sys.modules[home]).items():
            if value is backends:
                return home, name
        home = home.rpartition(".")[0]
    raise pickle.PicklingError(f"the backends of {backends.service_name} have no name")


def _at(place: Place) -> Any:
    if place[0].split(".")[0] != "moto":
        raise StateRefused(f"{place[0]} is not moto's")
    return getattr(importlib.import_module(place[0]), place[1])


def _dumped(value: Any, bodies: Bodies) -> bytes:
    written = io.BytesIO()
    _Pickler(written, bodies).dump(value)
    return written.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, bodies: Bodies) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._bodies = bodies

    def reducer_override(self, value: Any) -> Any:
        """How values are written that pickle cannot write, or should not."""
        if isinstance(value, NAMED) and not _may_be_named(value.__module__, value.__qualname__):
            raise pickle.PicklingError(f"it has a {value.__module__}.{value.__qualname__}")
        of_type = _REDUCERS.get(type(value))
        if of_type is not None:
            return of_type(value)
        if isinstance(value, FakeKey):
            return self._key(value)
        if (
            isinstance(value, dict)
            and _is_allowed(type(value).__module__)
            and not isinstance(value, OrderedDict)
        ):
            return _table(value)
        if isinstance(value, threading.Thread):
            return _thread(value)
        if type(value).__module__.startswith("cryptography."):
            return _cryptographic(value)
        return NotImplemented

    def _key(self, key: FakeKey) -> Any:
        state = key.__getstate__()
        if len(state["value"]) >= BODY_BYTES_MIN:
            state["value"] = StoredBody(self._bodies.put(state["value"]))
        return copyreg.__newobj__, (type(key),), state, None, None, restore_key  # type: ignore[attr-defined]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, bodies: Bodies) -> None:
        super().__init__(file)
        self._bodies = bodies

    def find_class(self, module: str, name: str) -> Any:
        """A class or function that may be named. Raises `StateRefused`."""
        if (module, name) == (__name__, "restore_key"):
            return self._restore_key
        if not _may_be_named(module, name):
            raise StateRefused(f"it names {module}.{name}")
        found = super().find_class(module, name)
        if _is_allowed(module) and not _is_allowed(getattr(found, "__module__", "")):
            raise StateRefused(f"it names {module}.{name}")
        return found

    def _restore_key(self, key: FakeKey, state: dict[str, Any]) -> None:
        if isinstance(state["value"], StoredBody):
            state["value"] = self._bodies.get(state["value"].digest)
        key.__setstate__(state)


class StoredBody:
    """In place of the body of an object: where it is."""

    def __init__(self, digest: str) -> None:
        self.digest = digest


def restore_key(key: FakeKey, state: dict[str, Any]) -> None:
    """Named in snapshots; what reads them has its own."""
    raise NotImplementedError


def _may_be_named(module: str, name: str) -> bool:
    return name in ALLOWED_NAMES.get(module, ()) or _is_allowed(module)


def _is_allowed(module: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in ALLOWED_PACKAGES)


# Functions that were made inside others


def _function(function: FunctionType) -> Any:
    """A function by its name, or by the place of its code when it was made inside another."""
    if "<locals>" not in function.__qualname__ and "<lambda>" not in function.__qualname__:
        return NotImplemented
    held = tuple(cell.cell_contents for cell in function.__closure__ or ())
    code = function.__code__
    where = (function.__module__, code.co_qualname, code.co_firstlineno)
    return made_function, (*where, function.__defaults__, held)


def made_function(
    module: str, qualname: str, line: int, defaults: Any, held: tuple[Any, ...]
) -> FunctionType:
    """The function again that moto's code makes at a line. Raises `StateRefused`."""
    if not _is_allowed(module):
        raise StateRefused(f"it names a function of {module}")
    home = importlib.import_module(module)
    whole = compile(inspect.getsource(home), inspect.getsourcefile(home) or module, "exec", dont_inherit=True)
    for code in _codes_in(whole):
        if (code.co_qualname, code.co_firstlineno) == (qualname, line):
            return FunctionType(code, vars(home), None, defaults, tuple(map(CellType, held)))
    raise StateRefused(f"{module} has no {qualname} in line {line}")


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes_in(constant)


# Everything else that pickle cannot write


def new_lock() -> Any:
    """A lock that nobody holds."""
    return threading.Lock()


def new_reentrant_lock() -> Any:
    """A reentrant lock that nobody holds."""
    return threading.RLock()


def new_event() -> Any:
    """An event that has not happened."""
    return threading.Event()


def new_condition() -> Any:
    """A condition that nobody waits for."""
    return threading.Condition()


def _table(table: dict[Any, Any]) -> Any:
    """A dictionary of a class of moto's own, as it is inside: what it shows may be less."""
    state = (getattr(table, "default_factory", None), vars(table), list(dict.items(table)))
    return copyreg.__newobj__, (type(table),), state, None, None, set_up_table  # type: ignore[attr-defined]


def set_up_table(table: dict[Any, Any], state: tuple[Any, dict[str, Any], list[tuple[Any, Any]]]) -> None:
    """What such a dictionary has inside."""
    factory, attributes, entries = state
    if isinstance(table, defaultdict):
        table.default_factory = factory
    vars(table).update(attributes)
    for key, value in entries:
        dict.__setitem__(table, key, value)


def forgotten() -> None:
    """In place of the rest of a list that somebody pages through."""


def bound_method(owner: Any, name: str) -> Any:
    """A method of an object. Raises `StateRefused`."""
    found = getattr(owner, name, None)
    if not (isinstance(found, MethodType) and _is_allowed(found.__func__.__module__)):
        raise StateRefused(f"it names a method {name}")
    return found


def _thread(thread: threading.Thread) -> Any:
    """What moto's own class of threads knows, without the thread."""
    state = {name: value for name, value in vars(thread).items() if not name.startswith("_")}
    return copyreg.__newobj__, (type(thread),), state  # type: ignore[attr-defined]


def _cryptographic(value: Any) -> Any:
    """Keys and certificates in PEM."""
    from cryptography.hazmat.primitives import serialization as pem  # noqa: PLC0415 - where moto has used it

    encoding = pem.Encoding.PEM
    if hasattr(value, "private_bytes"):
        text = value.private_bytes(encoding, pem.PrivateFormat.PKCS8, pem.NoEncryption())
        return private_key, (text,)
    if hasattr(value, "fingerprint"):
        return certificate, (value.public_bytes(encoding),)
    if hasattr(value, "public_bytes"):
        return public_key, (value.public_bytes(encoding, pem.PublicFormat.SubjectPublicKeyInfo),)
    return NotImplemented


def private_key(text: bytes) -> Any:
    """A private key from its PEM."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

    return load_pem_private_key(text, None)


def public_key(text: bytes) -> Any:
    """A public key from its PEM."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415 - as above

    return load_pem_public_key(text)


def certificate(text: bytes) -> Any:
    """A certificate from its PEM."""
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - as above

    return load_pem_x509_certificate(text)


def backends_at(module: str, name: str) -> Any:
    """The table of a service's backends."""
    return _at((module, name))


def regions_at(module: str, name: str, account_id: str) -> Any:
    """Those of one account."""
    return _at((module, name))[account_id]


def _backends(backends: Any) -> Any:
    return backends_at, _place_of(backends)


def _regions(regions: Any) -> Any:
    for backends in vars(BackendDict)["_instances"]:
        if any(each is regions for each in backends.values()):
            return regions_at, (*_place_of(backends), regions.account_id)
    raise pickle.PicklingError(f"the backends of {regions.service_name} are nobody's")


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    type(threading.Lock()): lambda _: (new_lock, ()),
    type(threading.RLock()): lambda _: (new_reentrant_lock, ()),
    threading.Condition: lambda _: (new_condition, ()),
    threading.Event: lambda _: (new_event, ()),
    FunctionType: _function,
    GeneratorType: lambda _: (forgotten, ()),
    MethodType: lambda method: (bound_method, (method.__self__, method.__name__)),
    BackendDict: _backends,
    AccountSpecificBackend: _regions,
}
"""For a type exactly: how its values are written."""
