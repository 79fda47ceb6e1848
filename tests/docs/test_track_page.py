"""docs/track.rst against the schema of the gateway's file: every key with its default, no other."""

import json
import re

import pytest
from manpages import ROOT
from pydantic import BaseModel

from anycast_wrapper.config import schema, track
from anycast_wrapper.config.trackfile import parse

PAGE = (ROOT / "docs" / "track.rst").read_text()
COMMAND = track.CommandProbe.model_validate({"type": "command", "command": ["true"]})

TABLES: dict[str, list[BaseModel | type[BaseModel]]] = {
    "``[track]``": [track.Track()],
    "``[route]``": [track.Route()],
    "``[ipvs]``": [track.Ipvs()],
    "``[control]``, ``[metrics]``, ``[log]``": [track.Control(), schema.Listening(), schema.Log()],
    "``[[pool]]``": [track.Pool],
    "``[[pool.server]]``": [track.Server],
    "``[[pool.probe]]``": [track.DnsProbe(), COMMAND],
}
BELOW = {"server", "probe"}
"""Tables of their own."""


def documented(heading: str) -> dict[str, str]:
    _, _, text = PAGE.partition(f"\n{heading}\n~~~")
    text = re.split(r"\n[^\n]+\n[~-]{4,}\n", text, maxsplit=1)[0]
    return dict(re.findall(r"^``([a-z-]+)`` \(([^)]*)\)$", text, re.MULTILINE))


def expected(owner: BaseModel | type[BaseModel], field: str) -> str:
    table = owner if isinstance(owner, type) else type(owner)
    info = table.model_fields[field]
    if info.is_required():
        return 'must be given with ``type = "command"``' if field == "command" else "must be given"
    value = info.default
    if isinstance(value, BaseModel):
        return "a table"
    if value is None:
        return "not set"
    if not isinstance(owner, type):
        value = owner.model_dump(mode="json", include={field})[field]
    return f"default ``{json.dumps(value)}``"


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_has_its_default_and_there_is_no_other(heading):
    want: dict[str, str] = {}
    for owner in TABLES[heading]:
        table = owner if isinstance(owner, type) else type(owner)
        for field, info in table.model_fields.items():
            if not (heading == "``[[pool]]``" and field in BELOW):
                want.setdefault(info.alias or "", expected(owner, field))
    assert documented(heading) == want


def test_the_configuration_that_works_does():
    text = PAGE[PAGE.index("    [[pool]]\n") : PAGE.index("\nThat is all of it")]
    assert len(parse(re.sub("(?m)^    ", "", text), "f").pool[0].server) == 2
