"""ExaBGP as far as its processes know it: it reads lines, has routes, and answers."""

import re
from collections import deque

ROUTE = re.compile(r"(announce|withdraw) route (\S+) next-hop (\S+)((?: \S+)*)")
WATCHDOG = re.compile(r"(announce|withdraw) watchdog (\S+)")


class Router:
    """Has the routes of the lines that it has read.

    Args:
        static: of every watchdog the prefixes with their attributes, as in the configuration.
    """

    def __init__(self, static=None):
        self.unread = deque()
        self.routes = {}
        self._static = static or {}

    def read(self, *, refuse=False):
        """Read one line; what is answered to it."""
        line = self.unread.popleft()
        if refuse:
            return "error"
        if found := ROUTE.fullmatch(line):
            action, prefix, _, words = found.groups()
            changes = {prefix: words.strip()}
        else:
            action, name = WATCHDOG.fullmatch(line).groups()
            changes = self._static.get(name, {})
        for prefix, words in changes.items():
            if action == "announce":
                self.routes[prefix] = words
            else:
                self.routes.pop(prefix, None)
        return "done"
