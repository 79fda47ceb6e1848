"""nft(8), fed with JSON on its standard input (libnftables-json(5)).

Every call is one transaction: the kernel takes all of it or nothing, and no packet sees half of it.
The program costs some 10 ms where the Python binding of libnftables would cost 5, but the binding
comes from the distribution for its own Python only, and blocks.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any

from .errors import AnycastWrapError

ARGV = ("nft", "-j", "-f", "-")
SECONDS = 2.0
"""How long one transaction may take."""

Command = dict[str, Any]


class NftError(AnycastWrapError):
    """A transaction was not done, or is not known to be."""


class NftRefusedError(NftError):
    """nft, or the kernel, has refused a transaction."""


async def transact(commands: Sequence[Command], argv: Sequence[str] = ARGV) -> str:
    """Do all of it or nothing; what nft said.

    Raises:
        NftError: it could not be run or did not end in time.
        NftRefusedError: nothing was done.
    """
    text = json.dumps({"nftables": commands})
    words = " ".join(argv)
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise NftError(f"{words}: not found; it is in the package nftables") from None
    except OSError as error:
        raise NftError(f"{words}: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(SECONDS):
            said, complaint = await process.communicate(text.encode())
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())
        if isinstance(error, TimeoutError):
            raise NftError(f"{words}: has not ended within {SECONDS:g} s") from None
        raise
    if process.returncode != 0:
        reply = " ".join(complaint.decode("utf-8", "replace").split())[:300]
        raise NftRefusedError(f"{words}: exit {process.returncode}: {reply}")
    return said.decode("utf-8", "replace")
