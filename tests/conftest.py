"""What all tests share."""

import os
import signal

import pytest
from hypothesis import settings

# A machine that is busy with a lab is no fault of the code: nothing here is timed by one example.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell starts what is in its background with Ctrl-C ignored, and so would all that we start be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["pidfd", "poll"])
def either_way(request, monkeypatch):
    """The end of a process is seen by a file for it, and as on systems without such files."""
    if request.param == "poll":
        monkeypatch.delattr(os, "pidfd_open")
