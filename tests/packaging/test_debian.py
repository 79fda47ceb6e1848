"""The Debian package: what is in it, and what is left once it is gone.

``./run deb`` makes it. It is installed on a copy of this system that is thrown away: an overlay in
a mount namespace of its own, with the dpkg of this machine.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from anycast_wrapper import __version__

ROOT = Path(__file__).parents[2]

INSTALL = """
set -eu
place="$1"
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" overlay "$place/root"
cp "$2" "$place/root/tmp/anycast-wrap.deb"
mount -t proc proc "$place/root/proc"
mount --rbind /dev "$place/root/dev"
exec chroot "$place/root" sh -c "$3"
"""

LIFE = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
dpkg --force-depends -i /tmp/anycast-wrap.deb >/dev/null
for words in --version 'config check' 'start --foreground' 'identify --help'; do
	anycast-wrap $words >/tmp/out 2>&1 && status=0 || status=$?
	echo "$words: $status: $(head -n 1 /tmp/out)"
done
for file in /usr/share/man/man8/anycast-wrap.8.gz /usr/lib/sysctl.d/60-anycast-wrap.conf \
	/lib/systemd/system/anycast-wrap.service /usr/share/bash-completion/completions/anycast-wrap; do
	[ -f "$file" ] || echo "missing: $file"
done
find /etc/systemd/system -name 'anycast-wrap*' | sed 's/^/enabled: /'
mkdir -p /var/lib/anycast-wrap
dpkg -P anycast-wrap >/dev/null
for place in /etc/anycast-wrap /usr/lib/anycast-wrap /var/lib/anycast-wrap /usr/bin/anycast-wrap; do
	[ ! -e "$place" ] || echo "left: $place"
done
"""


def test_the_changelogs_and_the_program_are_of_one_version():
    newest = (ROOT / "debian/changelog").read_text().splitlines()[0]
    assert re.match(r"anycast-wrap \(([^)]+)\)", newest)[1] == __version__
    headings = re.findall(
        r"^([0-9.]+) \(.*\)\n-+$", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE
    )
    assert headings[0] == __version__


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    if not (ROOT / ".git").exists():
        pytest.skip("a package is made of what is committed, and this is no checkout")
    copy = tmp_path_factory.mktemp("checkout") / "anycast-wrap"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    subprocess.run([copy / "run", "deb"], check=True, timeout=500)
    return next((copy / "dist").glob("*.deb"))


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.timeout(600)
def test_it_installs_says_what_is_missing_and_leaves_nothing(package, tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    place = tmp_path / "system"
    place.mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", INSTALL, "sh", place, package, LIFE],
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    unconfigured = (
        "6: anycast-wrap: /etc/anycast-wrap/anycast-wrap.toml: service: found nothing; expected a "
        "value, as it has no default"
    )
    assert done.stdout.splitlines() == [
        f"--version: 0: anycast-wrap, version {__version__}",
        f"config check: {unconfigured}",
        f"start --foreground: {unconfigured}",
        "identify --help: 0: Usage: anycast-wrap identify [OPTIONS] ADDRESS...",
    ], done.stderr
