"""The golden transcripts read as the specification of the tracker's core."""

import os
from pathlib import Path

import pytest

from . import transcript

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_core_does_what_the_transcript_says(path):
    expected = path.read_text()
    played = transcript.run(expected)
    if os.environ.get("REWRITE"):
        path.write_text(played)
    assert played == expected


def test_there_are_transcripts():
    assert len(TRANSCRIPTS) > 10
