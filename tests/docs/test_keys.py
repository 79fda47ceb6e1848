"""anycast-wrap.toml(5) against the schema: keys, types, defaults, and examples that are good."""

import json
import re
import tomllib
from typing import Any

import pytest
from manpages import ROOT, below, items, plain
from pydantic import BaseModel

from anycast_wrapper.config import FREEBSD
from anycast_wrapper.config import schema as s
from anycast_wrapper.config.load import parse

PAGE = "anycast-wrap.toml.5"
PROBE = "[[service.probe]]"

WORDS = {
    "2s": "duration",
    "500ms": "duration above 0",
    "192.0.2.53": "address",
    "127.0.0.1": "address",
    "127.0.0.1:9153": "address and port",
    "0.0.0.0/0": "prefix",
    "anycast0": "interface",
    "resolver": "name",
    "example.com": "domain name",
    "SOA": "record type",
    "^192\\.0\\.2\\.": "regular expression",
    "NOERROR": "rcode",
    "/run/anycast-wrap/control.sock": "absolute path",
    "auto": "log destination",
    "64500:53": "community",
}
"""What the manual calls a type of `config.values`, by the example that its schema gives."""

DNS = s.DnsProbe()
COMMAND = s.CommandProbe.model_validate({"type": "command", "command": ["true"]})
SERVICE = s.Service.model_validate({"name": "resolver", "addresses": ["192.0.2.53"]})
COMMON = set(s.ServiceProbe.model_fields) | {"type"}

TABLES: dict[str, tuple[BaseModel | type[BaseModel], set[str]]] = {
    "[daemon]": (s.Daemon(), set(s.Daemon.model_fields)),
    "[interfaces]": (s.Interfaces(), set(s.Interfaces.model_fields)),
    "[drain]": (s.DrainTable(), set(s.DrainTable.model_fields)),
    "[control]": (s.Control(), set(s.Control.model_fields)),
    "[routing]": (s.Routing(), set(s.Routing.model_fields)),
    "[reroute]": (s.Reroute(), set(s.Reroute.model_fields)),
    "[metrics]": (s.Metrics(), set(s.Metrics.model_fields)),
    "[exabgp]": (s.ExaBgp(), set(s.ExaBgp.model_fields)),
    "[exabgp.preferred]": (s.PreferredRoute(), set(s.PreferredRoute.model_fields)),
    "[exabgp.last-resort]": (s.LastResortRoute(), set(s.LastResortRoute.model_fields)),
    "[log]": (s.Log(), set(s.Log.model_fields)),
    "[[service]]": (SERVICE, set(s.Service.model_fields) - {"probe"}),
    PROBE: (DNS, COMMON),
    f'{PROBE} with type = "dns"': (DNS, set(s.DnsProbe.model_fields) - COMMON),
    "expect": (s.Expect(), set(s.Expect.model_fields)),
    f'{PROBE} with type = "command"': (COMMAND, set(s.CommandProbe.model_fields) - COMMON),
}
"""By heading: an instance that is all default, or the table if it has none; and the fields."""


def kind(node: dict[str, Any]) -> str:  # noqa: PLR0911 - one for each form
    """A type in the manual's words, by its JSON schema."""
    if "anyOf" in node:
        return kind(next(one for one in node["anyOf"] if one != {"type": "null"}))
    if "oneOf" in node:
        return " or ".join(kind(one) for one in node["oneOf"])
    if "$ref" in node:
        return "table"
    if "const" in node:
        return json.dumps(node["const"])
    if "enum" in node:
        *first, last = map(json.dumps, node["enum"])
        return f"{', '.join(first)} or {last}"
    if node["type"] == "array":
        return f"list: {kind(node['items'])}"
    if node["type"] == "boolean":
        return "true or false"
    if node["type"] == "integer":
        return f"integer from {node['minimum']} to {node['maximum']}"
    return WORDS[node["examples"][0]] if "examples" in node else "string"


def expected(owner: BaseModel | type[BaseModel], field: str) -> tuple[str, str]:
    """The key, and what the manual has to say of it."""
    table = owner if isinstance(owner, type) else type(owner)
    info = table.model_fields[field]
    key = info.alias or ""
    if (field, table) == ("type", s.DnsProbe):
        return key, f'{kind({"enum": ["dns", "command"]})}; default: "dns"'
    words = kind(table.model_json_schema(by_alias=True)["properties"][key])
    if info.is_required():
        return key, f"{words}; must be given"
    if words == "table":
        return key, "table; see below"
    assert isinstance(owner, BaseModel)
    value = owner.model_dump(mode="json", include={field})[field]
    return key, f"{words}; " + ("not set" if value is None else f"default: {json.dumps(value)}")


def documented(text: str) -> dict[str, str]:
    """By key, what stands in the brackets behind it."""
    heads = [re.fullmatch(r'Cm (\S+) Pq "(.*)"', head) for head, _ in items(text)]
    return {found[1]: plain(found[2]) for found in heads if found}


def test_every_table_has_its_section_and_there_is_no_other():
    assert list(below(PAGE, "KEYS")) == list(TABLES)
    tables = {f"[{name}]" for name in s.Config.model_fields if name != "service"}
    assert tables == {one for one in TABLES if re.fullmatch(r"\[[a-z]+\]", one)}


@pytest.mark.skipif(FREEBSD, reason="the manual has the defaults of Linux")
@pytest.mark.parametrize("heading", TABLES)
def test_every_key_has_its_type_and_its_default_and_there_is_no_other(heading):
    owner, fields = TABLES[heading]
    want = dict(expected(owner, field) for field in fields)
    assert documented(below(PAGE, "KEYS")[heading]) == want


def whole(heading: str, given: dict[str, Any]) -> str:
    """A configuration in which the example stands where it belongs, as JSON."""
    service: dict[str, Any] = {"name": "x", "addresses": ["192.0.2.1"]}
    probe: dict[str, Any] = {"type": "command", "command": ["true"]}
    tables = {"service": [service]}
    if heading == "[[service]]":
        service |= given
    elif heading == "expect":
        service["probe"] = [{"expect": given}]
    elif heading.startswith(PROBE):
        service["probe"] = [(probe if "command" in heading else {}) | given]
    else:
        first, *inner = heading.strip("[]").split(".")
        tables[first] = {inner[0]: given} if inner else given  # type: ignore[assignment]
    return json.dumps(tables)


def in_toml(document: str) -> str:
    """A JSON object as TOML: one pair a line, tables inline."""

    def value(one: Any) -> str:
        if isinstance(one, dict):
            return "{" + ", ".join(f"{k} = {value(v)}" for k, v in one.items()) + "}"
        if isinstance(one, list):
            return "[" + ", ".join(map(value, one)) + "]"
        return json.dumps(one)

    return "\n".join(f"{k} = {value(v)}" for k, v in json.loads(document).items())


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_has_an_example_that_is_good(heading):
    for head, body in items(below(PAGE, "KEYS")[heading]):
        key = head.split()[1]
        examples = re.findall(r'^\.Dl "(.*)"$', body, re.MULTILINE)
        assert len(examples) == 1, key
        given = tomllib.loads(plain(examples[0]))
        assert list(given) == [key]
        parse(in_toml(whole(heading, given)), f"the example of {key}")
        assert len(re.sub(r"^\..*\n", "", body, flags=re.MULTILINE)) > 15, f"{key} is not explained"


def test_every_key_that_a_page_speaks_of_exists():
    known = {
        f"{name.strip('[]')}.{key}"
        for name, text in below(PAGE, "KEYS").items()
        for key in documented(text)
    }
    tables = "|".join(name for name in s.Config.model_fields if name != "service")
    for path in [*(ROOT / "docs").glob("**/*.*"), *ROOT.glob("*.rst")]:
        if path.suffix in {".rst", ".8", ".5"}:
            spoken = re.findall(rf"(?:``|\.Cm )((?:{tables})\.[a-z-]+)(?!\w)", path.read_text())
            assert {one for one in spoken if not one.endswith(".rst")} <= known, path
