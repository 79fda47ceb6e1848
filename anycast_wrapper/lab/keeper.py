"""The process that owns a lab which stays up: ``python -m anycast_wrapper.lab.keeper HOSTS``."""

import signal
import sys

from anycast_wrapper.lab import standing
from anycast_wrapper.lab.cluster import Cluster
from anycast_wrapper.lab.interrupt import InterruptedByError, interruptible
from anycast_wrapper.lab.runner import TROUBLE, sentence
from anycast_wrapper.lab.topology import Lab


def keep(hosts: int) -> None:
    """Make the lab, say so, and remove it at the first signal."""
    with standing.keeping() as ours:
        if not ours:
            raise RuntimeError("a lab is up already")
        with interruptible(), Lab(hosts) as lab:
            if lab.removed:
                print(f"removed what a killed run had left: {', '.join(lab.removed)}", flush=True)
            Cluster(lab).start()
            standing.write(lab)
            while True:
                signal.pause()


def main() -> int:
    """Keep it; the exit status."""
    try:
        keep(int(sys.argv[1]))
    except InterruptedByError:
        return 0
    except TROUBLE as error:
        print(sentence(error), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
