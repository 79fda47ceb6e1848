"""--fix: what is ours is written and set, and what is not is left alone."""

import os

import pytest

from anycast_wrapper.doctor import fixing
from anycast_wrapper.doctor.check import Outcome
from anycast_wrapper.doctor.checks import ALL
from anycast_wrapper.doctor.fixing import NotMendedError, mend

from .world import CONTRIB, result

# None of these tests may ever reach /proc/sys, not even with the code broken: the settings are the
# machine's. The real thing is tried in a namespace, in tests/cli/test_doctor.py.
BAD = [result("arp-ignore", sysctls={"net.ipv4.conf.all.arp_ignore": "0"})]


def settings(text):
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def test_what_is_written_is_what_is_shipped():
    shipped = (CONTRIB / "sysctl" / "anycast-wrap.conf").read_text()
    assert settings(fixing.text()) == settings(shipped)
    assert shipped.startswith(fixing.MARK)


def test_what_is_written_makes_every_fixable_check_content():
    now = dict(line.split(" = ") for line in settings(fixing.text()))
    for name, one in ALL.items():
        if one.fixable:
            assert result(name, sysctls=now).outcome is Outcome.GOOD


@pytest.fixture
def proc(tmp_path):
    """A kernel whose settings are files."""
    directory = tmp_path / "proc/net/ipv4/conf/all"
    directory.mkdir(parents=True)
    for name in ("arp_ignore", "arp_announce", "rp_filter"):
        (directory / name).write_text("0\n")
    return tmp_path / "proc"


def test_it_is_written_and_set_and_told(tmp_path, proc):
    path = tmp_path / "sysctl.d" / "60.conf"
    told = mend(BAD, path, proc)
    assert told[0] == f"wrote {path}"
    assert "set net.ipv4.conf.all.arp_ignore = 1" in told
    assert settings(path.read_text()) == settings(fixing.text())
    assert path.stat().st_mode & 0o777 == 0o644
    assert (proc / "net/ipv4/conf/all/arp_announce").read_text() == "2"
    assert mend(BAD, path, proc) == told, "ours may be written again"


def test_what_cannot_be_set_now_is_told(tmp_path, proc):
    (proc / "net/ipv4/conf/all/rp_filter").unlink()
    with pytest.raises(NotMendedError, match="cannot be set now: No such file"):
        mend(BAD, tmp_path / "60.conf", proc)


def test_where_nothing_is_found_nothing_is_done(tmp_path):
    assert (
        mend([result("arp-ignore"), result("tun-device", tun="x")], tmp_path / "f", tmp_path) == []
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["net.ipv4.ip_forward = 1\n", "", " # anycast-wrap: no\n"])
def test_a_file_that_is_not_ours_is_left_alone(tmp_path, proc, content):
    path = tmp_path / "60.conf"
    path.write_text(content)
    with pytest.raises(NotMendedError, match="not ours"):
        mend(BAD, path, proc)
    assert path.read_text() == content
    assert sorted(tmp_path.iterdir()) == [path, proc]


@pytest.mark.parametrize("kind", ["link", "dangling", "directory", "fifo"])
def test_what_is_no_plain_file_is_not_ours(tmp_path, proc, kind):
    path = tmp_path / "60.conf"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        target = tmp_path / "target"
        if kind == "link":
            target.write_text("# anycast-wrap: looks like it\n")
        path.symlink_to(target)
    with pytest.raises(NotMendedError, match="no plain file"):
        mend(BAD, path, proc)


def test_where_it_cannot_be_written_it_says_so(tmp_path, proc):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotMendedError, match="cannot write"):
        mend(BAD, tmp_path / "file" / "60.conf", proc)
