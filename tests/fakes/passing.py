"""Time that passes for a core whose world is made of values."""


class Passing:
    """What makes time pass in a world.

    The world has ``now``, ``state`` and ``feed``; ``pending``, of (time, event), is what comes in
    by itself. It gives the core's `next_deadline` and the event that says that time has passed.
    """

    next_deadline = None
    time_passed = None

    def next_time(self) -> float | None:
        """When something happens by itself."""
        deadline = self.next_deadline(self.state, self.now)
        times = [at for at, _ in self.pending] + ([] if deadline is None else [deadline])
        return min(times, default=None)

    def run_until(self, end: float) -> None:
        """Let time pass, with everything that happens in it."""
        while (at := self.next_time()) is not None and at <= end:
            self.now = at
            due = sorted((p for p in self.pending if p[0] <= at), key=lambda p: p[0])
            self.pending = [p for p in self.pending if p[0] > at]
            for _, event in due:
                self.feed(event)
            if not due:
                self.feed(self.time_passed)
        self.now = max(self.now, end)
