"""Applying the folder of `--init-dir` to a server that listens, before it says that it is ready.

Refuses to know what is in a file.
"""

from __future__ import annotations

from headwater.app.init_document import DocumentInvalid, apply_document
from headwater.app.init_folder import InitError, InitFile
from headwater.app.init_stacks import InitialStacks, StackFailed
from headwater.app.neighbours import Neighbourhood, has_moto
from headwater.config import Config
from headwater.engine.engine import Engine

WITHOUT_EXTRA = "a template of CloudFormation needs: pip install 'headwater[aws]'"
FORWARDED = "a template needs this server's own CloudFormation, and not --forward-to"
SHARED = "servers that share a store have no CloudFormation"


def check_templates(files: list[InitFile], config: Config) -> None:
    """Raise `InitError` for a template where nothing can apply one."""
    reason = ""
    if config.store is not None:
        reason = SHARED
    elif config.forward_to is not None:
        reason = FORWARDED
    elif not has_moto():
        reason = WITHOUT_EXTRA
    for file in files:
        if file.stack_name and reason:
            raise InitError(file.name, reason)


async def apply_files(files: list[InitFile], engine: Engine, neighbourhood: Neighbourhood) -> None:
    """Apply the files one after another. Raises `InitError` for the first that fails."""
    stacks = InitialStacks(neighbourhood.services, engine.home)
    for file in files:
        try:
            if file.document is None:
                await stacks.deploy(file.stack_name, file.text)
            else:
                await apply_document(engine, file.document)
        except (DocumentInvalid, StackFailed) as error:
            raise InitError(file.name, str(error)) from error
