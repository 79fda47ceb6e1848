"""What becomes of a part that cannot be measured; no lab is made."""

from dataclasses import replace

from bench.contenders import ALL
from bench.measuring import LONGEST, Measuring, brief


def measured(parts, **contenders):
    said = []
    measuring = Measuring(repeat=1, quick=True, say=said.append, contenders=contenders)
    return list(measuring.run(parts))


def test_a_tool_that_is_not_there_is_told_of_in_its_parts():
    absent = replace(ALL["ahc-tight"], needs=("/no/such/program", "ip"))
    parts = ["faults:absent:kill", "faults:absent:hang", "idle:absent"]
    found = measured(parts, absent=absent)
    assert found == [(part, {"missing": ["/no/such/program"]}) for part in parts]


def test_a_part_that_fails_does_not_take_the_others_with_it():
    found = measured(["faults:nobody:kill", "growth:nothing", "faults:nobody:hang"])
    assert [part for part, _ in found] == [
        "faults:nobody:kill",
        "growth:nothing",
        "faults:nobody:hang",
    ]
    assert all(set(figures) == {"failed"} for _, figures in found)


def test_a_failure_is_told_on_a_line():
    error = RuntimeError("waited 20.0 s for\nthe routes; last seen: " + "x" * 900)
    assert brief(error) == "waited 20.0 s for the routes"
    assert len(brief(RuntimeError("y" * 900))) == LONGEST
    assert brief(KeyError())
