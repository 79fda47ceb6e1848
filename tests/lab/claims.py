"""What a test may claim of a load."""

TORN = 2
"""TCP connections that may be torn when a route comes or goes: see `Results.torn`."""


def assert_nothing_lost(results):
    """No query over UDP, and over TCP none but what the router's new hash has torn."""
    assert results.lost_over_udp == 0, results.summary()
    assert results.torn <= TORN, results.summary()
