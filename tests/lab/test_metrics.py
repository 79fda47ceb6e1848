"""A scrape of a real node: the truth before, during and after a fault, and what looking costs."""

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .cluster import figure, pause

ADDRESS = "192.0.2.53"
URL = "http://127.0.0.1:9153/metrics"
LISTEN = '[metrics]\nlisten = "127.0.0.1:9153"\n'
SCRAPE = f"import urllib.request as u; print(u.urlopen('{URL}', timeout=5).read().decode())"


@pytest.fixture(scope="module")
def lab():
    with Lab(1) as lab:
        yield lab


class Scraped:
    """One scrape, taken on the host itself."""

    def __init__(self, node):
        text = node.host.run([sys.executable, "-c", SCRAPE]).stdout
        self.samples = [sample for family in parse(text) for sample in family.samples]

    def __call__(self, name, **labels):
        """The sum of what has these labels; None if nothing has."""
        found = [
            sample.value
            for sample in self.samples
            if sample.name == f"anycast_wrap_{name}" and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None


def await_sample(node, wanted, name, **labels):
    """Scrape until a sample is as it should be; that scrape."""

    def looked():
        scraped = Scraped(node)
        return scraped if scraped(name, **labels) == wanted else None

    return eventually(looked, awaiting=f"{name} {wanted}", within=30.0, seen=node.log)


def test_a_fault_is_seen_in_a_scrape(lab):
    node = Wrapper(lab.hosts[0], [ADDRESS], more=LISTEN)
    node.start()
    try:
        here = {"service": "resolver", "address": ADDRESS}
        scraped = await_sample(node, 1, "address_originated", **here)
        assert scraped("service_rank", service="resolver") == 2
        assert scraped("address_held", **here) == 1
        assert scraped("state", state="announced") == 1
        assert scraped("routing_up", ip_version="4") == 1
        assert scraped("probe_results_total", reason="healthy") > 1
        assert scraped("process_start_time_seconds", process="daemon") > 0
        named = psutil.Process(node.daemon_pid)
        assert scraped("process_threads", process="daemon") == named.num_threads()
        assert 10 < scraped("process_open_fds", process="daemon") < 1000
        limits = Path(f"/proc/{named.pid}/limits").read_text()
        soft = int(limits.split("Max open files")[1].split()[0])
        assert scraped("process_max_fds", process="daemon") == soft
        unplanned = {"service": "resolver", "planned": "false"}
        assert scraped("service_withdrawals_total", **unplanned) == 0
        node.kill_daemon(signal.SIGSTOP)
        scraped = await_sample(node, 0, "service_rank", service="resolver")
        assert scraped("service_reason", reason="probe-timeout") == 1
        assert scraped("service_withdrawals_total", **unplanned) == 1
        assert scraped("probe_results_total", reason="probe-timeout") >= 2
        assert scraped("probe_up", service="resolver") == 0
        node.kill_daemon(signal.SIGCONT)
        await_sample(node, 2, "service_rank", service="resolver")
        node.kill_daemon(signal.SIGKILL)
        scraped = await_sample(node, 1, "daemon_restarts_total")
        await_sample(node, 2, "service_rank", service="resolver")
        await_sample(node, 1, "address_originated", **here)
    finally:
        node("stop", "--force")


@pytest.mark.slow
def test_to_be_looked_at_costs_little(lab):
    spent = {}
    for title, more in (("without metrics", ""), ("with metrics", LISTEN)):
        node = Wrapper(lab.hosts[0], [ADDRESS], more=more)
        node.start()
        try:
            process = psutil.Process(node.pid)
            pause(2.0)
            before, began = process.cpu_times(), time.monotonic()
            for _ in range(2):
                if more:
                    scraped = Scraped(node)
                pause(15.0)
            after, took = process.cpu_times(), time.monotonic() - began
            cpu = (after.user + after.system - before.user - before.system) / took
            resident = process.memory_info().rss / 1e6
            spent[title] = cpu
            figure(f"idle, {title}: {cpu:.2%} of a core, resident {resident:.1f} MB")
        finally:
            node("stop", "--force")
    samples = scraped("loop_lag_seconds_count")
    late = samples - scraped("loop_lag_seconds_bucket", le="0.02")
    figure(f"the loop came more than 20 ms late {late:g} times of {samples:g}")
    assert spent["with metrics"] < 0.01
    assert resident < 75
