"""The fault matrix: every scenario by its name."""

from collections.abc import Sequence

from anycast_wrapper.errors import AnycastWrapError
from anycast_wrapper.lab.scenarios import (
    answers,
    daemon,
    interfaces,
    machine,
    many,
    network,
    planned,
    speakers,
)
from anycast_wrapper.lab.scenarios.model import Scenario

__all__ = ["ALL", "Scenario", "UnknownScenarioError", "called"]

ALL: dict[str, Scenario] = {
    scenario.name: scenario
    for module in (planned, daemon, answers, interfaces, network, machine, many, speakers)
    for scenario in module.SCENARIOS
}


class UnknownScenarioError(AnycastWrapError):
    """There is no such scenario; the message says which there are."""


def called(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names, each once; all of them without a name.

    Raises:
        UnknownScenarioError: One does not exist.
    """
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise UnknownScenarioError(
            f"no such scenario: {', '.join(unknown)}; there are: {', '.join(ALL)}"
        )
    return [ALL[name] for name in dict.fromkeys(names or ALL)]
