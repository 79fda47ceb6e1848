"""Every page can be read by whatever renders it: no warning, no error."""

import io
from pathlib import Path

import pytest
from docutils.core import publish_string

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.rst"), *ROOT.glob("docs/*.rst"), *ROOT.glob("contrib/**/*.rst")])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_renders(page):
    said = io.StringIO()
    publish_string(
        page.read_text(encoding="utf-8"),
        source_path=str(page),
        writer="html5",
        settings_overrides={"report_level": 2, "halt_level": 5, "warning_stream": said},
    )
    assert said.getvalue() == ""
