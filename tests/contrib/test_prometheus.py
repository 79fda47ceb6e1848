"""contrib/prometheus: every alert fires and keeps still, every query finds something.

By Prometheus' own tools: promtool, and a Prometheus that scrapes a node.
"""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from anycast_wrapper.telemetry.metrics import catalogue
from tests.telemetry.showcase import Showcase
from tests.web.exposing import Exposed, get

NODE = '{job="anycast-wrap",instance="a:9153"'
OTHER = '{job="anycast-wrap",instance="b:9153"'
SERVICE = ',service="resolver"'
ADDRESS = f'{SERVICE},address="192.0.2.53"'
PROBE = f'{SERVICE},probe="alive"'


def series(name, labels, values):
    return {
        "series": f"{'' if name == 'up' else 'anycast_wrap_'}{name}{labels}}}",
        "values": values,
    }


def rank(value, node=NODE):
    return series("address_rank", node + ADDRESS, value)


def results(good, every):
    return [
        series("probe_results_total", NODE + PROBE + ',reason="healthy"', f"0+{good}x60"),
        series("probe_duration_seconds_count", NODE + PROBE, f"0+{every}x60"),
        series("probe_up", NODE + PROBE, "1x60"),
    ]


def lag(within, every):
    return [
        series("loop_lag_seconds_bucket", NODE + ',le="0.1"', f"0+{within}x60"),
        series("loop_lag_seconds_count", NODE, f"0+{every}x60"),
    ]


def descriptors(opened):
    return [
        series("process_open_fds", NODE + ',process="daemon"', f"{opened}x60"),
        series("process_max_fds", NODE + ',process="daemon"', "1000x60"),
    ]


def withdrawals(values, planned="false"):
    labels = f'{NODE}{SERVICE},planned="{planned}"'
    return [series("service_withdrawals_total", labels, values)]


def truth(announced, originated):
    return [rank(announced), series("address_originated", NODE + ADDRESS, originated)]


def withdrawn(drained=0, stopping=0):
    return [
        series("service_rank", NODE + SERVICE, "0x60"),
        series("drained", NODE, f"{drained}x60"),
        series("state", NODE + ',state="stopping"', f"{stopping}x60"),
    ]


HERE = {"job": "anycast-wrap", "instance": "a:9153"}
WHERE = {"service": "resolver", "address": "192.0.2.53"}

# alert: (labels of what fires, what makes it fire, [what does not]); a value a minute, asked after
# an hour, or after the minutes that stand fourth.
CASES = {
    "AnycastTooFewNodes": (
        WHERE,
        [rank("2x60"), rank("0x60", OTHER)],
        [
            [rank("2x60"), rank("1x60", OTHER)],
            [rank("2x60"), rank("2x59 0", OTHER)],
        ],
    ),
    "AnycastNotAnnounced": (
        HERE | {"service": "resolver"},
        withdrawn(),
        [
            withdrawn(drained=1),
            withdrawn(stopping=1),
            [series("service_rank", NODE + SERVICE, "2x58 0x2")],
            [series("service_rank", NODE + SERVICE, "1x60")],
        ],
    ),
    "AnycastLastResort": (
        HERE | {"service": "resolver"},
        [series("service_rank", NODE + SERVICE, "1x60")],
        [
            [series("service_rank", NODE + SERVICE, "2x60")],
            [series("service_rank", NODE + SERVICE, "2x51 1x9")],
        ],
    ),
    "AnycastFlapping": (
        HERE | {"service": "resolver"},
        withdrawals("0x40 1x5 2x5 3x10"),
        [
            withdrawals("0x40 1x5 2x15"),
            withdrawals("0x40 1x5 2x5 3x10", "true"),
            withdrawals("9x60"),
        ],
    ),
    "AnycastAnnouncedButNotOriginated": (
        HERE | WHERE,
        truth("2x60", "0x60"),
        [truth("2x60", "1x60"), truth("0x60", "0x60"), truth("2x60", "1x59 0"), [rank("2x60")]],
    ),
    "AnycastOriginatedButWithdrawn": (
        HERE | WHERE,
        truth("0x60", "1x60"),
        [truth("2x60", "1x60"), truth("0x60", "0x60"), truth("2x59 0", "1x60"), [rank("0x60")]],
    ),
    "AnycastRoutingUnknown": (
        HERE | {"ip_version": "4"},
        [series("routing_up", NODE + ',ip_version="4"', "0x60")],
        [
            [
                series("routing_up", NODE + ',ip_version="4"', "1x60"),
                series("routing_age_seconds", NODE, "10x60"),
            ],
            [series("routing_up", NODE + ',ip_version="4"', "1x57 0x3")],
        ],
    ),
    "AnycastProbeFailing": (
        HERE | {"service": "resolver", "probe": "alive"},
        results(54, 60),
        [
            results(60, 60),
            results(59, 60),
            [*results(30, 60)[:2], series("probe_up", NODE + PROBE, "0x60")],
        ],
    ),
    "AnycastDaemonRestarts": (
        HERE,
        [series("daemon_restarts_total", NODE, "0x30 1x10 2x20")],
        [
            [series("daemon_restarts_total", NODE, "0x30 1x30")],
            [series("daemon_restarts_total", NODE, "7x60")],
        ],
    ),
    "AnycastDescriptors": (
        HERE | {"process": "daemon"},
        descriptors(900),
        [descriptors(700)],
    ),
    "AnycastInterfaceFailed": (
        HERE | {"interface": "anycast0"},
        [series("interface_failed", NODE + ',interface="anycast0"', "1x60")],
        [[series("interface_failed", NODE + ',interface="anycast0"', "0x60")]],
    ),
    "AnycastDrainedForLong": (
        HERE,
        [series("drained", NODE, "1x1500")],
        [[series("drained", NODE, "0x1500")], [series("drained", NODE, "0x1000 1x500")]],
        1500,
    ),
    "AnycastLoopLag": (
        HERE,
        lag(100, 120),
        [lag(120, 120), lag(119, 120)],
    ),
    "AnycastDown": (
        HERE,
        [series("up", NODE, "0x60")],
        [[series("up", NODE, "1x60")], [series("up", '{job="x",instance="a:9153"', "0x60")]],
    ),
    "AnycastAbsent": (
        {"job": "anycast-wrap"},
        [],
        [[series("build_info", NODE + ',version="1"', "1x60")]],
    ),
}
assert all(len(case) in (3, 4) for case in CASES.values())


def needs(program):
    """Skip where a program is not; fail where it was promised."""
    if shutil.which(program):
        return
    reason = f"there is no {program} here"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def rules(contrib):
    needs("promtool")
    return contrib / "prometheus" / "anycast-wrap.rules.yml"


def promtool(*arguments, stdin=None):
    result = subprocess.run(
        ["promtool", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


# --- the rules ---


def test_promtool_finds_nothing_wrong_with_the_rules(rules):
    assert f"{len(CASES)} rules found" in promtool("check", "rules", rules)


def test_every_alert_has_a_case_and_says_what_to_do(rules):
    text = rules.read_text()
    alerts = re.split(r"^      - alert: ", text, flags=re.MULTILINE)[1:]
    assert [alert.split()[0] for alert in alerts] == list(CASES)
    for alert in alerts:
        assert re.search(r"severity: (page|ticket)", alert)
        assert "          summary: " in alert
        runbook = alert.partition("          runbook: >-\n")[2]
        assert len(runbook.split()) > 15, alert.split()[0]


def _test(alert, found, labels, minutes):
    expected = [{"labels": _text({"__name__": "ALERTS", **labels}), "value": 1}] if labels else []
    return {
        "interval": "1m",
        "input_series": found,
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{alert}", alertstate="firing"}}',
                "eval_time": f"{minutes}m",
                "exp_samples": expected,
            },
        ],
    }


def _text(labels):
    name = labels["__name__"]
    return (
        f"{name}{{{','.join(f'{k}={v!r}' for k, v in labels.items() if k != '__name__')}}}".replace(
            "'", '"'
        )
    )


@pytest.mark.parametrize("alert", CASES)
def test_it_fires_and_it_keeps_still(alert, rules, tmp_path):
    where, fires, silent, *minutes = CASES[alert]
    at = minutes[0] if minutes else 60
    severity = re.search(rf"alert: {alert}\n.*?severity: (\w+)", rules.read_text(), re.DOTALL)[1]
    common = {"alertname": alert, "alertstate": "firing", "severity": severity}
    tests = [
        _test(alert, fires, common | where, at),
        *(_test(alert, found, None, at) for found in silent),
    ]
    file = tmp_path / "test.json"
    content = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}
    file.write_text(json.dumps(content))
    assert "SUCCESS" in promtool("test", "rules", file)


# --- a real scrape by a real Prometheus ---


@pytest.fixture(scope="module")
def node():
    show = Showcase()
    with Exposed({"/metrics": show.answer}) as exposed:
        yield exposed


def test_promtool_finds_nothing_wrong_with_a_scrape(node):
    needs("promtool")
    for _ in range(10):
        status, _, body = get(node.port)
    assert status == 200
    assert promtool("check", "metrics", stdin=body.decode()).strip() == ""


class Prometheus:
    """A Prometheus of our own on loopback.

    Args:
        directory: for its files.
        target: the port of what it scrapes five times a second.
        rules: the file of its rules.
    """

    def __init__(self, directory, target, rules):
        self.directory = directory
        config = directory / "prometheus.json"
        scrape = {
            "job_name": "anycast-wrap",
            "scrape_interval": "200ms",
            "scrape_timeout": "200ms",
            "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
        }
        whole = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [scrape],
        }
        config.write_text(json.dumps(whole))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._log = (directory / "log").open("w")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                f"--storage.tsdb.path={directory / 'data'}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def close(self):
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    def __call__(self, path, **fields):
        """What its API says, or None while it says nothing."""
        query = urllib.parse.urlencode(fields)
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"
        assert self._process.poll() is None, (self.directory / "log").read_text()
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it has only just begun
                return None
            raise AssertionError(f"{fields}: {error.read().decode()}") from None
        except OSError:
            return None


@pytest.fixture(scope="module")
def prometheus(node, rules, tmp_path_factory):
    needs("prometheus")
    it = Prometheus(tmp_path_factory.mktemp("prometheus"), node.port, rules)
    yield it
    it.close()


def queries(dashboard):
    """Every query of a dashboard, as Grafana would send it: (panel, query)."""
    variables = {
        "$job": "anycast-wrap",
        "$instance": ".+",
        "$__rate_interval": "10s",
        "$__range": "30s",
    }
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, meant in variables.items():
                query = query.replace(name, meant)
            yield panel["title"], query


def test_every_query_of_the_dashboard_finds_series(contrib, prometheus):
    dashboard = json.loads((contrib / "prometheus" / "anycast-wrap.dashboard.json").read_text())
    open_ones = dict(enumerate(queries(dashboard)))
    assert len(open_ones) > 25
    assert not any("$" in query for _, query in open_ones.values())
    end = time.monotonic() + 60
    while open_ones:
        assert time.monotonic() < end, f"no series for {sorted(open_ones.values())}"
        for number, (_, query) in list(open_ones.items()):
            found = prometheus("query", query=query)
            values = [one["value"][1] for one in found["result"]] if found else []
            if any(value != "NaN" for value in values):
                del open_ones[number]
        asyncio.run(asyncio.sleep(0.2))


def test_the_dashboard_shows_every_metric(contrib):
    text = (contrib / "prometheus" / "anycast-wrap.dashboard.json").read_text()
    not_shown = {"settled", "service_wanted_rank", "daemon_up", "routing_up", "interface_failed"}
    not_shown |= {"service_ceiling"}
    for metric in catalogue.ALL:
        assert (metric.family in text) is (metric.name not in not_shown), metric.name


def test_the_dashboard_has_no_panel_on_another(contrib):
    dashboard = json.loads((contrib / "prometheus" / "anycast-wrap.dashboard.json").read_text())
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_prometheus_evaluates_every_rule(prometheus):
    end = time.monotonic() + 60
    while True:
        groups = (prometheus("rules") or {"groups": []})["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        if rules and all(rule["health"] == "ok" for rule in rules):
            break
        assert time.monotonic() < end, rules
        asyncio.run(asyncio.sleep(0.2))
    assert {rule["name"] for rule in rules} == set(CASES)


def test_the_rules_and_the_scrape_agree_on_the_job(contrib, rules):
    text = (contrib / "prometheus" / "prometheus.yml").read_text()
    assert "job_name: anycast-wrap\n" in text
    assert rules.name in text
    needs("promtool")
    promtool("check", "config", contrib / "prometheus" / "prometheus.yml")
