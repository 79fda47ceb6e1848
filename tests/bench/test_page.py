"""From results to the page: every figure in it was in them."""

import copy
import json
import xml.etree.ElementTree as ET

import pytest
from docutils.core import publish_doctree

from bench import page, pictures, results
from bench.chart import Bar, Line, bars, lines
from bench.stage import Trial, next_moment, summary
from bench.table import seconds, table

PICTURE = {
    "bucket": 0.05,
    "answered": {"host1": [50, 50, 0, 0], "host2": [50, 50, 50, 100]},
    "lost": [0, 0, 50, 0],
    "moments": {"fault": 0.1, "route gone": 0.15},
    "rate": 2000.0,
}


def median(lost, gone, repeated=3, waited=1.5):
    return {
        "median": {
            "repeated": repeated,
            "lost": lost,
            "lost_least": lost - 1,
            "lost_most": lost + 2,
            "gap": 0.017,
            "gone": gone,
            "stayed": repeated if gone is None else 0,
            "waited": waited,
        },
        "trials": [],
        "picture": PICTURE,
        "took": 12.0,
    }


DOCUMENT = {
    "date": "2026-11-21",
    "machine": {"kernel": "6.18", "FRR": "8.4.4"},
    "parts": {
        "faults:anycast-wrap:kill": median(17, 0.019),
        "faults:technote:kill": median(21, 0.022),
        "faults:technote:hang": median(14815, None, repeated=1, waited=15.0),
        "faults:exabgp-tight:restarted": median(133, None),
        "faults:anycast-wrap:checker": median(0, 0.0),
        "faults:ahc-tight:kill": {"missing": ["bird"]},
        "faults:ahc-default:kill": {"failed": "waited 60.0 s for 192.0.2.53 via ['host1']"},
        "checks": {
            "rows": [
                {"name": "a forked dig", "cpu": 10.91, "own": 0.3, "children": 10.61},
                {"name": "another", "missing": ["/x/python"]},
            ]
        },
        "fleet": {"rows": [{"name": "dig", "share": 0.0812}], "servers": 44, "interval": 6.0},
        "idle:anycast-wrap": {
            "rows": [{"name": "anycast-wrap", "share": 0.0055, "rss": 44.1, "pss": 30.0}],
            "seconds": 30.0,
            "status": 0.151,
        },
        "growth:services": {
            "rows": [
                {
                    "count": count,
                    "share": 0.005 * count,
                    "rss": 44.0,
                    "status": 0.1,
                    "preferred": count,
                    "failing": 0,
                }
                for count in (1, 10)
            ]
        },
        "hosts:2": {
            "routing": 6.1,
            "start": 2.2,
            "gone": 0.018,
            "lost": 19,
            "sent": 4100,
            "share": 0.49,
        },
    },
}


def written(tmp_path, document=DOCUMENT):
    target = tmp_path / "bench.rst"
    page.write(document, tmp_path / "results.json", target)
    return target.read_text()


def row(text, *words):
    """The one line that has all of these words."""
    found = [line for line in text.splitlines() if all(word in line for word in words)]
    assert len(found) == 1, found
    return found[0]


def test_a_figure_is_on_the_page_as_it_was_measured(tmp_path):
    text = written(tmp_path)
    assert "17 [16-19]" in row(text, "anycast-wrap, default", "19 ms")
    assert "never (> 15 s)" in row(text, "14,815")
    assert "stays" in row(text, "133 [132-135]")
    assert "gone before" in row(text, "anycast-wrap, default", "0 [-1-2]")
    assert "10.910" in row(text, "a forked dig")
    assert "8.12%" in row(text, "dig", "%", "8.12")
    assert "0.15 s" in row(text, "anycast-wrap status")


def test_what_could_not_be_measured_is_said_in_its_place(tmp_path):
    text = written(tmp_path)
    assert "not installed: bird" in row(text, "anycast-healthchecker, BIRD, tight")
    assert "failed: waited 60.0 s" in row(text, "anycast-healthchecker, BIRD, default", "failed")
    assert "* ``faults:exabgp-tight:kill`` was not run." in text


def test_another_figure_makes_another_page(tmp_path):
    changed = copy.deepcopy(DOCUMENT)
    changed["parts"]["faults:anycast-wrap:kill"]["median"]["lost"] = 18
    assert written(tmp_path) != written(tmp_path, changed)


def test_no_line_of_a_paragraph_and_no_table_is_torn(tmp_path):
    """As docutils reads it: no warnings, no errors."""
    settings = {"report_level": 2, "halt_level": 2, "file_insertion_enabled": False}
    publish_doctree(written(tmp_path), settings_overrides=settings)


def test_every_plot_is_there_and_is_a_picture(tmp_path):
    text = written(tmp_path)
    named = [line.split()[-1] for line in text.splitlines() if line.startswith(".. image::")]
    assert named
    for name in named:
        ET.parse(tmp_path / name)  # noqa: S314 - our own
    assert {path.name for path in (tmp_path / "bench").iterdir()} == {
        name.rpartition("/")[2] for name in named
    }


def test_a_page_of_nothing_says_what_was_not_run(tmp_path):
    text = written(tmp_path, {"date": "2026-11-21", "machine": {}, "parts": {}})
    assert "* ``checks`` was not run." in text


def test_bars_and_lines_stand_what_is_nothing():
    for picture in (
        bars("t", [Bar("a", 0.0), Bar("b", None, note="not installed"), Bar("c", 1e6)], "lost"),
        bars("t", [], "lost"),
        lines("t", [Line("a", [(1, 0.0), (1000, 99.0)])], "x", "y"),
        lines("t", [Line("a", [(1, 1.0)])], "x", "y"),
    ):
        ET.fromstring(picture)  # noqa: S314 - our own


def test_longer_bars_are_longer():
    def width(value):
        root = ET.fromstring(bars("t", [Bar("a", value), Bar("b", 1e5)], "lost"))  # noqa: S314
        rects = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("x")]
        return float(rects[0].get("width"))

    assert width(10) < width(100) < width(1000)


def test_a_table_is_as_wide_as_its_widest_cell():
    assert table(["a", "b"], [["long one", ""]]) == [
        "========  =",
        "a         b",
        "========  =",
        "long one  \\",
        "========  =",
    ]


def test_a_row_with_a_cell_too_many_is_refused():
    with pytest.raises(ValueError, match="cells"):
        table(["a"], [["b", "c"]])


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0 ms"), (0.0174, "17 ms"), (0.42, "0.42 s"), (13.84, "13.8 s")]
)
def test_times_for_people(value, words):
    assert seconds(value) == words


def test_the_route_counts_as_never_gone_if_it_stayed_once():
    trials = [
        Trial(0.1, lost=5, gone=0.2, waited=0.2),
        Trial(0.5, lost=900, gone=None, waited=10.0),
        Trial(0.8, lost=7, gone=0.3, waited=0.3),
    ]
    found = summary(trials)
    assert found["gone"] is None
    assert (found["lost"], found["lost_least"], found["lost_most"]) == (7, 5, 900)
    assert found["waited"] == 10.0
    assert summary([trials[0], trials[2]])["gone"] == 0.25


def test_parts_are_merged_and_the_newer_one_holds(tmp_path):
    path = tmp_path / "deep" / "results.json"
    results.merge(path, "b", {"rows": [1]}, {"kernel": "6"})
    results.merge(path, "a", {"rows": [2]}, {"kernel": "6"})
    results.merge(path, "b", {"rows": [3]}, {"kernel": "7"})
    document = json.loads(path.read_text())
    assert list(document["parts"]) == ["a", "b"]
    assert document["parts"]["b"]["rows"] == [3]
    assert document["machine"] == {"kernel": "7"}
    assert results.read(path) == document


def test_the_timeline_keeps_the_labs_own_picture():
    drawn = dict(pictures.draw(DOCUMENT["parts"]))["kill-anycast-wrap.svg"]
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"host1", "host2", "lost", "fault", "route gone"} <= set(words)


@pytest.mark.parametrize(
    ("earliest", "anchor", "interval", "moment"),
    [(100.0, 97.3, 1.0, 100.3), (100.0, 97.3, 5.0, 102.3), (100.0, 130.0, 10.0, 100.0)],
)
def test_a_fault_comes_at_its_place_in_the_interval(earliest, anchor, interval, moment):
    assert next_moment(earliest, anchor, interval) == pytest.approx(moment)


def test_without_an_interval_a_fault_comes_at_once():
    assert next_moment(100.0, 97.3, 0.0) == 100.0
