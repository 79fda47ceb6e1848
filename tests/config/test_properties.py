"""Whatever is in the file: it is a configuration, or a `ConfigError`. Never anything else."""

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from anycast_wrapper.config.errors import ConfigError
from anycast_wrapper.config.load import load, parse
from anycast_wrapper.config.peek import control_socket
from anycast_wrapper.config.schema import Config
from anycast_wrapper.config.show import toml
from anycast_wrapper.config.values import duration, written_duration

SCHEMA = Config.model_json_schema(by_alias=True)
KEYS = [key for table in SCHEMA["$defs"].values() for key in table["properties"]]
WORDS = st.sampled_from([*SCHEMA["properties"], *KEYS])
VALUES = st.sampled_from(
    ["dns", "none", "lo", "2s", "0s", "192.0.2.53", "::1", "SOA", ".", "(", "udp", "last-resort"],
)
SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | VALUES
    | st.dates()
)
NAMES = WORDS | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def tables(children):
    return st.dictionaries(NAMES, children, max_size=6)


DOCUMENTS = tables(
    st.recursive(
        SCALARS,
        lambda children: st.lists(children, max_size=4) | tables(children),
        max_leaves=20,
    ),
)


def written(value):
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k).replace(chr(127), '')} = {written(v)}" for k, v in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        # TOML has no surrogate pairs, and no DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).replace("e+", "e") if "." in repr(value) else "inf"
    return value.isoformat()


@settings(deadline=None, max_examples=50)
@given(DOCUMENTS)
def test_any_document_is_a_configuration_or_its_mistakes(document):
    text = "\n".join(
        f"{json.dumps(k, ensure_ascii=False)} = {written(v)}" for k, v in document.items()
    )
    check(text)


@settings(deadline=None, max_examples=50)
@given(DOCUMENTS, tables(SCALARS | st.lists(SCALARS, max_size=3)))
def test_any_probe_of_a_good_service_is_good_or_told(more, probe):
    service = {"name": "a", "addresses": ["192.0.2.1"], "probe": [probe]}
    document = {**more, "service": [service]}
    check(
        "\n".join(
            f"{json.dumps(k, ensure_ascii=False)} = {written(v)}" for k, v in document.items()
        )
    )


def check(text):
    problems, config = (), None
    try:
        config = parse(text, "f")
    except ConfigError as error:
        problems = error.problems
    assert bool(problems) is (config is None)
    for problem in problems:
        assert problem.startswith("f: ")
        assert "expected" in problem or "nested too deeply" in problem
        assert "\n" not in problem
    if config is not None:
        assert parse(toml(config), "shown").services == config.services


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_its_mistakes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(content)
    with suppress(ConfigError):
        load(path)
    control_socket(path)


@given(st.floats(0, 30 * 86400))
def test_every_duration_can_be_written_and_read_again(seconds):
    text = written_duration(seconds)
    assert abs(duration(text) - seconds) < 1e-6
    assert written_duration(duration(text)) == text
