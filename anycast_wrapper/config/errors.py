"""What is wrong with a configuration; apart, so that to know the error costs no import."""

from collections.abc import Sequence

from anycast_wrapper.errors import AnycastWrapError


class ConfigError(AnycastWrapError):
    """A configuration that cannot be used.

    Attributes:
        problems: one line each: file, key, what was found, what is expected.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
