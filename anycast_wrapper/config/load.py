"""A file to a `Config`, or every mistake in it at once; any other file of ours as well."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from . import DEFAULT_FILE
from .errors import ConfigError
from .schema import Config, Interfaces, Problem, Service, conflicts

_Table = TypeVar("_Table", bound=BaseModel)

MAX_BYTES = 1 << 20
"""A larger file is not a configuration."""


@dataclass(frozen=True)
class Kind(Generic[_Table]):
    """A kind of file.

    Attributes:
        model: the whole of it.
        conflicts: what the parts that are good in themselves have against each other, of a
            document that is not good as a whole.
    """

    model: type[_Table]
    conflicts: Callable[[Mapping[str, Any]], Sequence[Problem]]


def load(path: Path | None = None) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: it cannot be read, is not TOML, or means nothing; with every reason.
    """
    path = path or DEFAULT_FILE
    return parse(read(path), str(path))


def read(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        expected = "expected a configuration file; `anycast-wrap config init ADDRESS` begins one"
        raise ConfigError([f"{path}: {error.strerror}; {expected}"]) from None
    if len(content) > MAX_BYTES:
        raise ConfigError([f"{path}: found more than {MAX_BYTES} bytes; expected a configuration"])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        where = f"found a byte that is not UTF-8 at offset {error.start}"
        raise ConfigError([f"{path}: {where}; expected TOML"]) from None


def parse(text: str, name: str) -> Config:
    """Check the text of a configuration; ``name`` is what its errors call it.

    Raises:
        ConfigError: with every reason.
    """
    return checked(text, name, _WRAPPER)


def checked(text: str, name: str, kind: Kind[_Table]) -> _Table:
    """Check the text of a file of some kind; ``name`` is what its errors call it.

    Raises:
        ConfigError: with every reason.
    """
    try:
        return _checked(text, name, kind)
    except RecursionError:
        raise ConfigError([f"{name}: found tables or lists nested too deeply"]) from None


def _checked(text: str, name: str, kind: Kind[_Table]) -> _Table:
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # a TOMLDecodeError, or what int() says of too many digits
        raise ConfigError([f"{name}: {error}; expected TOML"]) from None
    try:
        return kind.model.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False)
        sentences = [s for detail in details for s in _sentences(detail, document, kind)]
        if len(details) > 1 or details[0]["type"] != "across" or details[0]["loc"]:
            # pydantic does not look at the whole where a part is wrong.
            sentences += _told(kind.conflicts(document))
        raise ConfigError([f"{name}: {sentence}" for sentence in sentences]) from None


def _conflicts(document: Mapping[str, Any]) -> Sequence[Problem]:
    """What the parts that are good in themselves have against each other."""
    services = document.get("service")
    return conflicts(
        made(Interfaces, document.get("interfaces", {})),
        [made(Service, one) for one in services] if isinstance(services, list) else [],
    )


_WRAPPER = Kind(Config, _conflicts)


def made(kind: type[_Table], value: Any) -> _Table | None:
    """A table, or None if it is wrong in itself."""
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None


def _told(problems: Sequence[Problem]) -> list[str]:
    return [f"{key}: {_shown(found)}expected {expected}" for key, found, expected in problems]


def _sentences(detail: ErrorDetails, document: Mapping[str, Any], kind: Kind[_Table]) -> list[str]:
    """What is told of one of pydantic's errors: mostly one sentence."""
    if detail["type"] == "too_short" and detail["input"]:
        return []  # It is short because its entries are wrong, and each of them is told.
    if detail["type"] == "across":
        return _told(detail["ctx"]["problems"])
    return [_sentence(detail, document, kind)]


def _sentence(detail: ErrorDetails, document: Mapping[str, Any], kind: Kind[_Table]) -> str:
    """One mistake: key, what was found, what is expected."""
    location = _without_tags(detail["loc"])
    key = _written(location)
    if detail["type"] == "extra_forbidden":
        known = ", ".join(sorted(_siblings(location, kind)))
        return f"{key}: found a key that is not known here; expected one of: {known}"
    if detail["type"] == "missing":
        return f"{key}: found nothing; expected a value, as it has no default"
    if detail["type"] == "union_tag_invalid":
        found = _shown(detail["input"]["type"])
        return f"{key}.type: {found}expected {detail['ctx']['expected_tags']}"
    found = _shown(detail["input"]) if location and _reaches(document, location) else ""
    return f"{key}: {found}expected {_expected(detail)}"


def _expected(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "expected":
            return str(context["expected"])
        case "literal_error":
            return str(context["expected"])
        case "tuple_type" | "list_type":
            return "a list"
        case "too_short":
            return "at least one entry"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "a table"
        case _:
            return detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")


def _without_tags(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A location as it is in the file: pydantic puts the kind after what may be of several."""
    return tuple(
        part
        for before, part in zip((None, *location), location, strict=False)
        if not (part in ("dns", "command") and isinstance(before, int))
        and part not in ("<ospf>", "<list>")
    )


def _written(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{_bare(part)}"
    return text.removeprefix(".") or "the whole file"


def _bare(key: str) -> str:
    """A key as TOML has it: in quotes if it is not of letters, digits, dashes and underscores."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _reaches(document: Any, location: tuple[int | str, ...]) -> bool:
    for part in location:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return False
    return not isinstance(document, dict)


def _shown(value: Any) -> str:
    if value is None:
        return "found nothing; "
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:
        return "found a number beyond all bounds; "
    return f"found {text if len(text) <= 60 else text[:57] + '...'}; "


def _siblings(location: tuple[int | str, ...], kind: Kind[_Table]) -> set[str]:
    """The keys that are known where an unknown one was found."""
    schema = kind.model.model_json_schema(by_alias=True)
    names: set[str] = set()
    nodes = [schema]
    for part in location[:-1]:
        step = "items" if isinstance(part, int) else part
        nodes = [n for node in nodes for n in _below(node, step, schema)]
    for node in nodes:
        names |= set(node.get("properties", {}))
    return names


def _below(node: Mapping[str, Any], step: str, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    child = node.get("items") if step == "items" else node.get("properties", {}).get(step)
    found: list[dict[str, Any]] = []
    pending = [child] if child else []
    while pending:
        one = pending.pop()
        if "$ref" in one:
            pending.append(schema["$defs"][one["$ref"].rsplit("/", 1)[1]])
            continue
        pending += one.get("oneOf", []) + one.get("anyOf", []) + one.get("allOf", [])
        found.append(one)
    return found
