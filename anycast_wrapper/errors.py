"""The root of all errors that an operator is told of."""


class AnycastWrapError(Exception):
    """Something to be told in one sentence, without a traceback.

    The sentence says who tried what, what came back, and what happens next.
    """
