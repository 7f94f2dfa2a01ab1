"""The source of a function that a template has in itself, as the zip that CloudFormation makes of it.

Rules:
- the source is the file `index`, and CloudFormation's module for custom resources lies beside it;
- the same source gives the same zip, byte for byte.

Refuses to know templates and functions.
"""

from __future__ import annotations

import io
from pkgutil import get_data
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from headwater.neighbours.calls.lambda_ import CallRefused

SOURCE_BYTES_MAX = 4 * 1024 * 1024
DATE = (1980, 1, 1, 0, 0, 0)
"""The first one that a zip can say."""
FAMILIES = {
    "python": ("index.py", "cfnresponse.py", "cfnresponse.py"),
    "nodejs": ("index.js", "cfn-response.js", "node_modules/cfn-response.js"),
}
"""By the beginning of a runtime's name: the source's file, the module in this package, and in the zip."""


def zip_of_source(source: str, runtime: str) -> bytes:
    """The zip. Raises `CallRefused`."""
    family = next((family for family in FAMILIES if runtime.startswith(family)), None)
    if family is None:
        raise CallRefused(
            "InvalidParameterValueException",
            "ZipFile can only be used when Runtime is set to one of Node.js or Python.",
        )
    if len(source.encode()) > SOURCE_BYTES_MAX:
        raise CallRefused(
            "InvalidParameterValueException", f"ZipFile may have at most {SOURCE_BYTES_MAX} bytes."
        )
    name, module, place = FAMILIES[family]
    text = get_data(__package__, module)
    assert text is not None, "the module is part of the package"
    written = io.BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        for path, content in ((name, source.encode()), (place, text)):
            entry = ZipInfo(path, DATE)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return written.getvalue()
