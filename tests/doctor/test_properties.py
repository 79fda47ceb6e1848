"""Whatever the facts are, no check raises; whatever the programs print, it is read or refused."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anycast_wrapper.doctor import frrconfig, namedconf, report
from anycast_wrapper.doctor.checks import ALL
from anycast_wrapper.doctor.examination import DoctorExit, examined, verdict
from anycast_wrapper.doctor.facts import Facts, Unknown
from anycast_wrapper.doctor.namedconf import MalformedError, Quoted, Statement

from .world import FRR_TEXT, GOOD, NAMED_TEXT

# --- the grammar ---

bare = st.text(
    st.characters(exclude_characters=' \t\r\n{};"\\!', exclude_categories=("Cs", "Z", "Cc")),
    min_size=1,
    max_size=12,
)
words = st.one_of(bare, bare, st.text(st.characters(exclude_categories=("Cs",))).map(Quoted))
statements = st.recursive(
    st.builds(Statement, st.lists(words, min_size=1, max_size=4).map(tuple)),
    lambda inner: st.builds(
        Statement,
        st.lists(words, min_size=1, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(tuple),
    ),
    max_leaves=30,
)


def written(statement):
    """A statement as named-checkconf would print it."""
    parts = []
    for word in statement.words:
        quoted = word.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f'"{quoted}"' if isinstance(word, Quoted) else word)
    if statement.block is not None:
        parts.append("{\n" + "".join(map(written, statement.block)) + "}")
    return "\t" + " ".join(parts) + ";\n"


@given(st.lists(statements, max_size=6).map(tuple))
def test_what_is_written_is_read_back(block):
    read = namedconf.parse("".join(map(written, block)))
    assert read == block
    assert [[type(w) for w in s.words] for s in read] == [[type(w) for w in s.words] for s in block]


@given(st.one_of(st.text(max_size=60), st.text('a!"\\{}; \n', max_size=60)))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(MalformedError):
        namedconf.parse(text)


@given(st.integers(0, len(NAMED_TEXT)), st.text('{}";\\ ', max_size=3))
def test_a_text_that_is_cut_or_broken_is_read_or_refused(at, more):
    with contextlib.suppress(MalformedError):
        namedconf.parse(NAMED_TEXT[:at] + more + NAMED_TEXT[at + 1 :])


def test_a_million_words_are_read_in_bounded_time_and_depth():
    block = namedconf.parse('zone "z" { type primary; };\n' * 50_000)
    assert len(block) == 50_000
    for deep in ("a {" * 100_000, "{" * 100_000 + "}" * 100_000):
        with pytest.raises(MalformedError, match="nested"):
            namedconf.parse(deep)


@given(st.text())
def test_any_text_is_a_configuration_of_frr(text):
    for stanza in frrconfig.parse(text).stanzas:
        assert stanza.head


# --- the checks ---

_CONF = st.lists(
    st.sampled_from([line.strip() for line in NAMED_TEXT.splitlines() if line.strip()])
    | st.text('options {}; listen-on "any" key ! 1.2.3.4/ -source', max_size=30),
    max_size=12,
)


def _conf(lines):
    try:
        return namedconf.parse("\n".join(lines))
    except MalformedError:
        return Unknown("not read")


_FRR = st.lists(
    st.sampled_from(FRR_TEXT.splitlines())
    | st.sampled_from(["router ospf", " network", " network x area", "interface anycast0"])
    | st.sampled_from([" ip ospf cost", " ip ospf cost ²", " ip ospf dead-interval minimal x"])
    | st.text(max_size=20),
    max_size=40,
).map(lambda lines: frrconfig.parse("\n".join(lines)))

_KEYS = st.sampled_from(["all.arp_ignore", "eth0.rp_filter", "all.rp_filter", "all.arp_announce"])
_OTHER = {
    "named": _CONF.map(_conf) | st.lists(statements, max_size=5).map(tuple),
    "frr": _FRR,
    "sysctls": st.dictionaries(_KEYS.map("net.ipv4.conf.{}".format), st.text(max_size=3)),
}


def _facts():
    """Every fact as it is on the good host, or as its type allows, which is mostly odd."""
    made = {}
    for name, annotation in Facts.__annotations__.items():
        good, anything = st.just(getattr(GOOD, name)), st.from_type(annotation)
        made[name] = good | anything | _OTHER.get(name, good)
    return st.builds(Facts, **made)


@settings(max_examples=300, deadline=None)
@given(_facts())
def test_no_fact_whatsoever_makes_a_check_raise(facts):
    results = examined(ALL.values(), facts)
    assert len(results) == len(ALL)
    code = verdict(results)
    assert code in DoctorExit
    document = report.document(results)
    assert document["exit"] == code
    assert sum(document["counts"].values()) == len(ALL)
    for line, _ in report.lines(results, verbose=True):
        assert line
