"""The adapter's parts that need no kernel."""

import asyncio
import errno
from ipaddress import ip_address

import pytest

from anycast_wrapper.kernel import open_kernel, sysctl
from anycast_wrapper.kernel.errors import refusal
from anycast_wrapper.kernel.freebsd import FreeBSDKernel
from anycast_wrapper.kernel.linux import LinuxKernel
from anycast_wrapper.kernel.requests import Requests
from anycast_wrapper.ports import KernelError
from tests.contract.kernel_worlds import LO1
from tests.fakes.kernel import FakeHost, FakeKernel
from tests.logged import events


@pytest.mark.parametrize(
    ("platform", "adapter"),
    [("linux", LinuxKernel), ("freebsd14", FreeBSDKernel)],
)
def test_the_platform_picks_the_adapter(monkeypatch, platform, adapter):
    monkeypatch.setattr("sys.platform", platform)
    assert isinstance(open_kernel([LO1]), adapter)


def test_other_platforms_are_refused(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(KernelError, match="no adapter for darwin"):
        open_kernel([LO1])


def test_a_refusal_says_what_the_kernel_said():
    text = str(refusal("set x up", errno.EINVAL, "Invalid handle"))
    assert text == "cannot set x up: Invalid argument (Invalid handle)"
    assert str(refusal("set x up", 0)) == "cannot set x up: "


def test_settings_that_cannot_be_made_are_a_warning(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(sysctl, "_CONF", tmp_path)
    (tmp_path / "x0").mkdir()
    (tmp_path / "x0" / "accept_ra").write_text("1\n")
    sysctl.apply("x0", {"accept_ra": "0", "absent": "1"})
    assert (tmp_path / "x0" / "accept_ra").read_text() == "0"
    absent = {"path": tmp_path / "x0/absent", "value": "1", "detail": "No such file or directory"}
    assert events(caplog) == [("sysctl-failed", absent)]


def test_a_host_without_ipv6_has_no_settings(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(sysctl, "_CONF", tmp_path / "absent")
    sysctl.apply("x0", sysctl.RANK_SETTINGS)
    assert caplog.records == []


def test_a_kernel_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr("anycast_wrapper.kernel.requests.DEADLINE", 0.01)

    async def scenario():
        requests = Requests()
        with pytest.raises(KernelError, match=r"cannot wait: no answer from the kernel within"):
            await requests._ask("wait", lambda _: asyncio.Event().wait())
        await requests.close()

    asyncio.run(scenario())


def test_the_fake_fails_as_told():
    async def scenario():
        kernel = FakeKernel([LO1], host=FakeHost())
        kernel.host.place("lo1", ip_address("192.0.2.1"))
        kernel.fail("up", "lo1", "no", times=2)
        for _ in range(2):
            with pytest.raises(KernelError, match="cannot up lo1: no"):
                await kernel.up("lo1")
        await kernel.up("lo1")
        kernel.fail("observe", times=float("inf"))
        with pytest.raises(KernelError):
            await kernel.observe()
        kernel.heal()
        await kernel.observe()
        assert kernel.calls == [("up", "lo1")] * 3

    asyncio.run(scenario())
