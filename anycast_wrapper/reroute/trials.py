"""Small transactions that leave nothing behind and tell what a kernel lacks."""

from typing import Any

from .rules import Command

_NAME = "anycast_wrap_trial"
_TABLE = {"family": "ip", "name": _NAME}
_IN_TABLE = {"family": "ip", "table": _NAME}
_SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}


def _trial(*expressions: dict[str, Any], hook: bool = False) -> list[Command]:
    base = {"type": "filter", "hook": "prerouting", "prio": 0, "policy": "accept"} if hook else {}
    chain = {**_IN_TABLE, "name": "trial"}
    return [
        {"add": {"table": _TABLE}},
        {"add": {"chain": chain | base}},
        *(
            {"add": {"rule": {**_IN_TABLE, "chain": "trial", "expr": [expression]}}}
            for expression in expressions
        ),
        {"delete": {"table": _TABLE}},
    ]


TRIALS: dict[str, list[Command]] = {
    "nftables with a prerouting hook (CONFIG_NF_TABLES)": _trial(hook=True),
    "the expression `socket` (CONFIG_NFT_SOCKET)": _trial(
        {"match": {"op": "==", "left": {"socket": {"key": "transparent"}}, "right": 0}},
        hook=True,
    ),
    "the statement `dup` (CONFIG_NFT_DUP_IPV4)": _trial(
        {"dup": {"addr": "127.0.0.1", "dev": "lo"}}, hook=True
    ),
    "the expression `jhash` (CONFIG_NFT_HASH)": _trial(
        {"match": {"op": "==", "left": {"jhash": {"mod": 2, "expr": _SOURCE}}, "right": 0}},
    ),
}
"""What is lacking if the transaction fails, in words."""
