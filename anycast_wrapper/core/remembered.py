"""Answers that are kept, so that a step in which nothing changes costs next to nothing.

Every step asks what each service should have, what is announced and what is to be moved, and after
most events, a good answer to a probe, the answers are those of the step before. To find them again
for a thousand services takes milliseconds; to see that nothing has changed takes none.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def remembered(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """The same function, which keeps its last answer for when it is asked the very same again.

    It decides nothing: the function has to be pure, and what it is given and what it gives must
    never be changed in place, like every value of the core. The very same means the same objects:
    two mappings that are equal may differ in their order. So whoever wants to be answered at once
    hands on what has not changed as it is, and not a copy of it.
    """
    kept: tuple[tuple[object, ...], object, Answer] | None = None

    def ask(*args: Given.args, **options: Given.kwargs) -> Answer:
        nonlocal kept
        asked = (*map(id, args), *options, *map(id, options.values()))
        if kept is None or kept[0] != asked:
            # What was given is kept too: as long as it exists, nothing else has its identity.
            kept = asked, (args, options), function(*args, **options)
        return kept[2]

    ask.__doc__, ask.__name__ = function.__doc__, function.__name__
    return ask
