"""Installed on a booted Debian, in the order of an operator's first days."""

from pathlib import Path

import pytest

from .conftest import ANNOUNCED, EMULATED, START

only_emulated = pytest.mark.parametrize("machine", [EMULATED], indirect=True)
INSTANCES = Path(__file__).parents[2] / "contrib" / "systemd" / "instances"

UNIT = "anycast-wrap"
CRASH = 0.025
"""Seconds of queries that a wrapper's sudden end may cost, at most; none as a rule."""

DRAIN = "anycast-wrap drain for a test"


def shown(machine, *names, unit=UNIT):
    """What systemd says of the unit."""
    options = " ".join(f"-p {name}" for name in names)
    lines = machine.run(f"systemctl show {options} {unit}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_installed_where_named_serves_it_changes_nothing(machine):
    assert machine.run("systemctl is-active named").strip() == "active"
    assert machine.tried(f"systemctl is-enabled {UNIT}")[1].strip() == "disabled"


def test_without_a_configuration_it_says_so_and_does_not_try_again(machine):
    assert machine.tried(f"systemctl start {UNIT}")[0] != 0
    assert shown(machine, "ExecMainStatus", "NRestarts", "ActiveState") == {
        "ExecMainStatus": "6",
        "NRestarts": "0",
        "ActiveState": "failed",
    }
    said = machine.run(f"journalctl -b -u {UNIT} -o cat --no-pager")
    assert "/etc/anycast-wrap/anycast-wrap.toml: service: found nothing" in said
    machine.run("systemctl start named")


def test_with_no_file_at_all_it_says_so_and_does_not_try_again(machine):
    file = "/etc/anycast-wrap/anycast-wrap.toml"
    machine.run(f"mv {file} /root/kept && systemctl reset-failed {UNIT}")
    try:
        assert machine.tried(f"systemctl start {UNIT}")[0] != 0
        assert shown(machine, "ExecMainStatus", "NRestarts") == {
            "ExecMainStatus": "6",
            "NRestarts": "0",
        }
        said = machine.run(f"journalctl -b -u {UNIT} -o cat --no-pager")
        assert "expected a configuration file; `anycast-wrap config init ADDRESS` begins" in said
    finally:
        machine.run(f"mv /root/kept {file}; systemctl start named")


def test_where_run_is_read_only_it_says_so(machine):
    machine.run("cp /opt/test/anycast-wrap.toml /etc/anycast-wrap/anycast-wrap.toml")
    drop_in = f"/run/systemd/system/{UNIT}.service.d"
    machine.run(f"mkdir -p {drop_in} && systemctl reset-failed {UNIT}")
    machine.write(f"{drop_in}/run.conf", "[Service]\nReadOnlyPaths=/run/anycast-wrap\n")
    machine.run("systemctl daemon-reload")
    try:
        assert machine.tried(f"systemctl start {UNIT}")[0] != 0
        said = machine.run(f"journalctl -b -u {UNIT} -o cat --no-pager")
        assert "Read-only file system; set control.socket to a path" in said, said
        assert machine.tried(ANNOUNCED)[0] != 0
    finally:
        machine.run(f"systemctl stop {UNIT}; rm -r {drop_in}; systemctl daemon-reload")
        machine.run(f"systemctl reset-failed {UNIT}; systemctl start named")


def test_a_start_takes_the_place_of_named_and_is_over_once_announced(machine, tell):
    before = machine.now()
    machine.run(START)
    # systemd knows that it is ready, so its announcement is there; its neighbours hear of it within
    # 5 s of the one before: MinLSInterval, RFC 2328.
    machine.until(ANNOUNCED, within=10)
    assert machine.tried("systemctl is-active named")[1].strip() == "inactive"
    machine.until("tail -n 20 /run/load.log | grep -q host")
    answers = machine.answers(before)
    tell(f"start in the place of named: {answers}")
    assert answers.lost == 0


def test_it_runs_with_no_more_rights_than_the_unit_says(serving):
    pid = shown(serving, "MainPID")["MainPID"]
    rights = serving.run(f"grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/{pid}/status").split()
    # NET_BIND_SERVICE 10, NET_ADMIN 12, SETGID 6, SETUID 7: capability.h
    assert rights == ["CapEff:", "00000000000014c0", "CapBnd:", "00000000000014c0", *rights[4:]]
    assert rights[4:] == ["NoNewPrivs:", "1"]
    named = serving.run("pgrep -u bind -x named").split()
    assert len(named) == 1
    of_named = serving.run(f"grep -E '^(CapEff|Groups)' /proc/{named[0]}/status").split()
    group = serving.run("getent group bind | cut -d: -f3").strip()
    assert of_named == ["Groups:", group, "CapEff:", "0000000000000400"]
    inside = f"nsenter -t {pid} -m -r"
    assert serving.tried(f"{inside} sh -c 'echo 1 >/proc/sys/vm/swappiness'")[0] != 0
    assert serving.tried(f"{inside} test -e /dev/vda")[0] != 0
    assert serving.run("cat /proc/sys/net/ipv6/conf/anycast0/dad_transmits").strip() == "0"
    warned = serving.run(f"journalctl -b -u {UNIT} -o cat --no-pager -p warning _PID={pid}")
    assert warned == "", warned


def test_stop_restart_and_reload_lose_nothing(serving, tell):
    for verb in ("reload", "restart", "stop", "start"):
        before = serving.now()
        serving.run(f"systemctl {verb} {UNIT}")
        took = serving.now() - before
        answers = serving.answers(before - 1)
        tell(f"systemctl {verb}: {took:.1f} s; {answers}")
        assert answers.lost == 0
    assert serving.run(f"systemctl is-active {UNIT}").strip() == "active"


def test_a_reload_of_a_bad_file_fails_and_changes_nothing(serving):
    file = "/etc/anycast-wrap/anycast-wrap.toml"
    serving.run(f"cp {file} /root/kept && echo nonsense >>{file}")
    status, _ = serving.tried(f"systemctl reload {UNIT}")
    serving.run(f"cp /root/kept {file}")
    assert status != 0
    serving.run(ANNOUNCED)


def test_killed_the_wrapper_loses_nothing_and_comes_back(serving, tell):
    before = serving.now()
    restarts = int(shown(serving, "NRestarts")["NRestarts"])
    serving.run(f"systemctl kill --kill-whom=main -s KILL {UNIT}")
    serving.until(f"test $(systemctl show -P NRestarts {UNIT}) -gt {restarts}")
    serving.until(f"systemctl is-active -q {UNIT} && {ANNOUNCED}")
    back = serving.now() - before
    answers = serving.answers(before - 1)
    tell(f"kill -9 of the wrapper: back after {back:.1f} s; {answers}")
    assert answers.lost * serving.load.pause <= CRASH


def test_a_wrapper_that_stands_still_is_ended_by_systemd(serving, tell):
    before = serving.now()
    restarts = int(shown(serving, "NRestarts")["NRestarts"])
    serving.run(f"systemctl kill --kill-whom=main -s STOP {UNIT}")
    serving.until(f"test $(systemctl show -P NRestarts {UNIT}) -gt {restarts}")
    out = serving.now() - before
    serving.until(f"systemctl is-active -q {UNIT} && {ANNOUNCED}")
    answers = serving.answers(before - 1)
    tell(f"SIGSTOP of the wrapper: started anew after {out:.1f} s; {answers}")
    said = serving.run(f"journalctl -b -u {UNIT} -o cat --no-pager")
    assert "Watchdog timeout" in said
    assert answers.lost * serving.load.pause <= CRASH


def test_started_by_hand_beside_the_unit_it_says_what_to_call(serving):
    assert serving.tried("anycast-wrap start")[0] == 0  # runs already
    status, said = serving.tried("anycast-wrap restart")
    assert status == 1
    assert "systemctl restart anycast-wrap" in said
    serving.run("anycast-wrap stop")
    serving.until(f"! systemctl is-active -q {UNIT}")
    assert shown(serving, "Result") == {"Result": "success"}
    status, said = serving.tried("anycast-wrap start")
    assert status == 1
    assert "systemctl start anycast-wrap" in said


@only_emulated
def test_an_upgrade_of_the_package_drops_nothing(serving, tell):
    pid = shown(serving, "MainPID")
    before = serving.now()
    serving.run("dpkg -i /opt/newer.deb")
    answers = serving.answers(before - 1)
    tell(f"upgrade of the package: {answers}")
    assert answers.by.keys() == {"host"}
    assert shown(serving, "MainPID") == pid
    serving.run("anycast-wrap status")


def test_drained_it_stays_drained_over_a_reboot(serving, tell):
    serving.run(DRAIN)
    serving.reboot()
    serving.until(f"systemctl is-active -q {UNIT}")
    serving.until("grep -q peer /run/load.log")
    status, said = serving.tried("anycast-wrap status")
    assert (status, "drained" in said) == (5, True), said
    assert serving.tried(ANNOUNCED)[0] != 0
    assert serving.tried("grep -q host /run/load.log")[0] != 0
    before = serving.now()
    serving.run("anycast-wrap undrain")
    serving.until(ANNOUNCED)
    answers = serving.answers(before)
    tell(f"undrained after a reboot: {answers}")
    assert answers.lost == 0


def test_a_power_cut_and_the_boot_after_it(serving, tell):
    serving.run("sync")
    serving.cut_power()
    serving.switch_on()
    took = serving.until(f"systemctl is-active -q {UNIT} && {ANNOUNCED}")
    serving.until("grep -q host /run/load.log")
    first = float(serving.run("awk '$2 != \"-\" { print $1; exit }' /run/load.log"))
    answers = serving.answers(first)
    tell(f"boot after a power cut: announced {took:.0f} s after the first command; {answers}")
    # Queries were asked all the time: none came here before it answered.
    assert answers.lost == 0


@only_emulated
def test_a_dummy_instead_of_a_tap_is_cleaned_up_after_a_kill(serving, tell):
    file = "/etc/anycast-wrap/anycast-wrap.toml"
    serving.run(f"cp {file} /root/kept && printf '\\n[interfaces]\\nkind = \"dummy\"\\n' >>{file}")
    try:
        serving.run(f"systemctl restart {UNIT}")
        serving.until(ANNOUNCED)
        serving.run("ip -d link show anycast0 | grep -q dummy")
        serving.run("sleep 6")  # OSPF tells the next change 5 s after the last: MinLSInterval
        before = serving.now()
        serving.run(f"systemctl kill --kill-whom=main -s KILL {UNIT}")
        serving.until(f"systemctl is-active -q {UNIT} && {ANNOUNCED}")
        answers = serving.answers(before - 1)
        tell(f"kill -9 of the wrapper with a dummy: {answers}")
        before = serving.now()
        serving.run(f"systemctl stop {UNIT}")
        stopped = serving.answers(before - 1)
        tell(f"systemctl stop with a dummy: {stopped}")
        assert stopped.lost == 0
    finally:
        serving.run(f"systemctl stop {UNIT}; cp /root/kept {file}")


def test_without_frr_it_serves_and_announces_once_frr_is_there(serving, tell):
    serving.run(f"systemctl stop {UNIT} frr && systemctl start {UNIT}")
    assert "Started" in serving.run(f"journalctl -b -u {UNIT} -o cat --no-pager -n 50")
    assert serving.tried(ANNOUNCED)[0] != 0
    status, said = serving.tried("anycast-wrap status")
    assert "unknown" in said, (status, said)
    before = serving.now()
    serving.run("systemctl start frr")
    serving.until(ANNOUNCED)
    tell(f"FRR is there: announced after {serving.now() - before:.1f} s")


def test_two_instances_run_beside_each_other(machine, tell):
    machine.run(f"systemctl disable --quiet --now {UNIT}")
    machine.run("install -d -o bind -g bind /var/cache/bind/one /var/cache/bind/two")
    for name in ("one", "two"):
        probe = (INSTANCES / f"{name}.toml").read_text()
        probe = probe.replace('qname = "example.com"', 'qname = "example.test"\ntimeout = "3s"')
        machine.write(f"/etc/anycast-wrap/{name}.toml", probe)
        machine.write(f"/etc/bind/{name}.conf", (INSTANCES / f"{name}.conf").read_text())
    machine.run("systemctl start anycast-wrap@one anycast-wrap@two")
    to = "ip -n gateway route get 192.0.2.{} | grep -q 'via 192.168.53.{} '"
    machine.until(f"{to.format(53, 11)} && {to.format(54, 11)}")
    assert len(machine.run("pgrep -u bind -x named").split()) == 2
    asking = "ip netns exec client dig +short +time=5 @192.0.2.{} CH TXT id.server"
    assert machine.run(asking.format(53)).strip() == '"one"'
    assert machine.run(asking.format(54)).strip() == '"two"'

    machine.run("anycast-wrap -c /etc/anycast-wrap/one.toml drain for a test")
    machine.until(f"{to.format(53, 12)} && {to.format(54, 11)}")
    machine.run("anycast-wrap -c /etc/anycast-wrap/one.toml undrain")
    machine.until(to.format(53, 11))
    machine.run("sleep 2")  # a router takes a change at most once a second: MinLSArrival, RFC 2328
    before = machine.now()
    machine.run("systemctl restart anycast-wrap@one")
    machine.until(f"{to.format(53, 11)} && {to.format(54, 11)}")
    answers = machine.answers(before - 1)
    tell(f"restart of one of two instances: {answers}")
    assert answers.lost == 0
    status, said = machine.tried("anycast-wrap -c /etc/anycast-wrap/two.toml restart")
    assert (status, "systemctl restart anycast-wrap@two" in said) == (1, True), said
    machine.run("systemctl stop anycast-wrap@one anycast-wrap@two")
    assert machine.tried("pgrep -u bind -x named")[0] != 0
