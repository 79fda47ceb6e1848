"""A container's first process: what the kernel asks of it is not for a wrapper to do.

Source: pid_namespaces(7). A first process inherits every orphan, and has to reap it. And it gets no
signal that it has no handler for, not even SIGALRM, by which the kernel ends a wrapper whose loop
stands still (``control.watchdog``). So the wrapper is a child of it.
"""

import os
import signal
import time
from collections.abc import Callable

PASSED_ON = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
LINGER = 1.0
"""Seconds in which the name server of a wrapper that was killed goes on answering: the kernel ends
it together with us, and the routers have to hear of the withdrawal first."""


def below_first(serve: Callable[[], int]) -> int:
    """Run ``serve``, in a child if this is the first process; its exit status.

    Args:
        serve: the wrapper, until it ends.

    Returns:
        What ``serve`` returned; 128 and the signal's number if a signal ended it.
    """
    if os.getpid() != 1:
        return serve()
    awaited = {*PASSED_ON, signal.SIGCHLD}
    # Blocked before there is a child: what comes in between waits for us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return serve()
    status = _keep(child, awaited)
    if os.WIFSIGNALED(status):
        _linger(awaited)
        return 128 + os.WTERMSIG(status)
    return os.waitstatus_to_exitcode(status)


def _keep(child: int, awaited: set[signal.Signals]) -> int:
    """Pass signals on and reap, until the child has ended; its wait status."""
    while True:
        number = signal.sigwait(awaited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
        elif (status := _reap(child)) is not None:
            return status


def _reap(child: int) -> int | None:
    """Reap whatever has ended; the child's wait status if it is among that."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == child:
            found = status
        elif pid == 0:
            return found


def _linger(awaited: set[signal.Signals]) -> None:
    """Let the orphans run on for a while, or until we are told to end."""
    until = time.monotonic() + LINGER
    while (left := until - time.monotonic()) > 0:
        told = signal.sigtimedwait(awaited, left)
        if told is not None and told.si_signo == signal.SIGCHLD:
            _reap(0)
        elif told is not None:
            return
