"""How the image is built without Docker and a registry: by buildah, on a base of this machine's Debian.

Each variant is built once, under a lock, until what it is made of changes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.clients.client_process import alone, leave_out, run, tool
from tests.source_tree import ROOT

BASE = "localhost/headwater-base"
BUILD_TIMEOUT_S = 1800.0
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Image:
    """An image in buildah's storage."""

    name: str

    def described(self) -> dict[str, Any]:
        """Everything that it says of itself."""
        found: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", self.name))
        return found

    def size_bytes(self) -> int:
        """Its layers, unpacked, as buildah counts them."""
        (shown,) = json.loads(buildah("images", "--json", self.name))
        tenth, unit = shown["size"].split()
        return round(float(tenth) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit.upper()])

    @contextmanager
    def _container(self) -> Iterator[str]:
        container = buildah("from", self.name).strip()
        try:
            yield container
        finally:
            buildah("rm", container)

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """Its files, in a folder of their own: what is written there is gone behind the block."""
        with self._container() as container:
            try:
                yield Path(buildah("mount", container).strip())
            finally:
                buildah("umount", container)

    def run(self, script: str) -> str:
        """Have buildah run a script of the shell in it, as the user that it names; what it printed."""
        with self._container() as container:
            return buildah("run", "--isolation", "chroot", container, "--", "sh", "-c", script)


def buildah(*arguments: str, timeout_s: float = BUILD_TIMEOUT_S) -> str:
    """Run buildah; what it printed."""
    return run([tool("buildah", "an image"), *arguments], ROOT, os.environ, timeout_s)


def build(name: str, extras: str = "") -> Image:
    """The image with these extras."""
    if os.geteuid() != 0:
        leave_out("an image's first process needs a namespace, which root alone may make everywhere")
    if not list((ROOT / "dist").glob("*.whl")):
        leave_out("the image is made of dist/, which `make dist` builds")
    with alone(ROOT / "Dockerfile"):
        if BASE not in buildah("images", "--format", "{{.Name}}"):
            run([str(ROOT / "scripts" / "image_base.sh"), BASE], ROOT, os.environ, BUILD_TIMEOUT_S)
        if _is_newest(Image(name)):
            return Image(name)
        with TemporaryDirectory() as folder:
            pip = Path(folder) / "pip.conf"
            pip.write_text("[global]\ncert = /etc/ssl/build-ca.pem\n")
            buildah(
                *("build", "--isolation", "chroot", "--format", "docker", "--quiet"),
                *("--build-arg", f"BASE={BASE}", "--build-arg", f"EXTRAS={extras}"),
                *("--secret", f"id=pip,src={pip}", "--secret", f"id=ca,src={CERTIFICATES}"),
                *("--tag", name, str(ROOT)),
            )
    return Image(name)


def _is_newest(image: Image) -> bool:
    """Whether an image is there, and was made after everything that goes into it."""
    if image.name not in buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
        return False
    made_at = datetime.fromisoformat(re.sub(r"\.\d+Z$", "+00:00", image.described()["Docker"]["created"]))
    parts = [ROOT / "Dockerfile", ROOT / "scripts" / "assemble_image.py", *(ROOT / "dist").glob("*.whl")]
    return made_at.timestamp() > max(part.stat().st_mtime for part in parts)
