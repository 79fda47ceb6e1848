"""A configuration written out whole: what is meant where nothing was written."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from .schema import Config


def toml(config: Config) -> str:
    """The configuration as TOML that means the same, defaults marked as such."""
    whole = config.model_copy(update={"service": config.services})
    return "\n".join(_tables(whole, (), marks=_Marks(config))).strip() + "\n"


class _Marks:
    """Which services have the default probe."""

    def __init__(self, config: Config) -> None:
        self.bare = {service.name for service in config.service if not service.probe}


def _tables(table: BaseModel, path: tuple[str, ...], *, marks: _Marks) -> Iterator[str]:
    tables: list[tuple[str, BaseModel, bool]] = []
    for field, info in type(table).model_fields.items():
        key = info.alias or field.replace("_", "-")
        value = getattr(table, field)
        if value is None:
            yield f"# {key} is not set"
        elif isinstance(value, BaseModel) and path and path[-1] == "probe":
            yield f"{key} = {_inline(value)}"
        elif isinstance(value, BaseModel):
            tables.append((key, value, False))
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            tables += [(key, one, True) for one in value]
        else:
            default = "" if field in table.model_fields_set else "  # default"
            yield f"{key} = {_value(table, field)}{default}"
    name = getattr(table, "name", None)
    for key, child, many in tables:
        here = (*path, key)
        title = ".".join(here)
        yield ""
        if key == "probe" and name in marks.bare:
            yield "# the service has no probe of its own: this is the default one"
        yield f"[[{title}]]" if many else f"[{title}]"
        yield from _tables(child, here, marks=marks)


def _value(table: BaseModel, field: str) -> str:
    dumped = table.model_dump(mode="json", include={field})[field]
    return _literal(dumped)


def _inline(table: BaseModel) -> str:
    dumped: dict[str, Any] = table.model_dump(mode="json", by_alias=True, exclude_none=True)
    pairs = ", ".join(f"{k} = {_literal(v)}" for k, v in dumped.items())
    return f"{{ {pairs} }}"


def _literal(value: Any) -> str:
    """Strings, numbers and lists are the same in JSON and TOML, but for DEL in a string."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
