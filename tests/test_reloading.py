"""What a wrapper and a tracker do at a signal, and when their file is to be read again."""

import asyncio
import os
import signal

import pytest

from anycast_wrapper.config.load import load
from anycast_wrapper.reloading import KeptError, listen_to_signals, read_again, reload

TEXT = '[[service]]\nname = "{name}"\naddresses = ["192.0.2.53"]\n'


class FakeNotifier:
    """What systemd would be told, and with it what people are, in one list."""

    def __init__(self):
        self.told = []

    def reloading(self):
        self.told.append("reloading")

    def reloaded(self):
        self.told.append("reloaded")

    def tell(self, event, detail):
        self.told.append((event, detail))


async def seen(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a signal sets no event
            await asyncio.sleep(0.001)


def test_signals_stop_and_reload_and_a_reload_is_not_begun_twice():
    async def life():
        stopped, begun, end = [], [], asyncio.Event()

        async def act(request):
            begun.append(request)
            await end.wait()
            return {"ok": True}

        listen_to_signals(stopped.append, act)
        os.kill(os.getpid(), signal.SIGHUP)
        await seen(lambda: begun == [{}])
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        await seen(lambda: stopped == ["SIGTERM"])
        assert begun == [{}]
        end.set()
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
        await seen(lambda: stopped == ["SIGTERM", "SIGINT"])
        os.kill(os.getpid(), signal.SIGHUP)
        await seen(lambda: begun == [{}, {}])

    asyncio.run(life())


@pytest.mark.parametrize(
    ("refusal", "reply", "told"),
    [
        (None, {"ok": True}, ("reloaded", "")),
        (
            KeptError("f: no\nthe old one stays", 6),
            {"ok": False, "error": "f: no\nthe old one stays", "code": 6},
            ("reload-refused", "f: no; the old one stays"),
        ),
    ],
)
def test_a_reload_is_told_of_whatever_comes_of_it(refusal, reply, told):
    notifier = FakeNotifier()

    async def take_over():
        notifier.told.append("taking over")
        if refusal:
            raise refusal
        return {"ok": True}

    assert asyncio.run(reload(take_over, notifier, notifier.tell)) == reply
    assert notifier.told == ["reloading", "taking over", "reloaded", told]


def test_systemd_is_told_of_the_end_of_a_reload_that_breaks():
    notifier = FakeNotifier()

    async def take_over():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(reload(take_over, notifier, notifier.tell))
    assert notifier.told == ["reloading", "reloaded"]


def test_a_file_is_taken_if_it_is_good_and_changes_nothing_that_is_fixed(tmp_path):
    file = tmp_path / "anycast-wrap.toml"
    file.write_text(TEXT.format(name="a"))
    old = load(file)
    file.write_text(TEXT.format(name="b"))
    assert read_again(file, load, old, ("drain.file", "metrics")).service[0].name == "b"
    file.write_text('[drain]\nfile = "/elsewhere"\n' + TEXT.format(name="b"))
    with pytest.raises(KeptError, match=r"drain\.file changed, which needs a restart") as kept:
        read_again(file, load, old, ("drain.file", "metrics"))
    assert kept.value.code == 1
    file.write_text("")
    with pytest.raises(KeptError, match=r"(?s)service: .*\nthe old configuration stays") as kept:
        read_again(file, load, old, ())
    assert kept.value.code == 6
