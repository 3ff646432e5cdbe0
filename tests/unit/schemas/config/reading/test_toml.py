"""The file: comments of any encoding, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.config import ConfigError
from schemas.config.reading.toml import read_toml


def read(tmp_path: Path, content: bytes) -> dict[str, object]:
    file = tmp_path / "x.conf"
    file.write_bytes(content)
    return read_toml(file)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffhostname = 'é'\r\n".encode(),
        "# café\nhostname = 'é' ".encode("latin-1").replace(b"'\xe9'", "'é'".encode()) + b"# caf\xe9\n",
        b"  # bell \x07, escape \x1b\nhostname = '\xc3\xa9'\n",
    ],
)
def test_marks_and_comments_do_not_count(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == {"hostname": "é"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[a]\nx = ['y', 'caf\xe9']\n", "a.x[1]: is not UTF-8"),
        (b"[a.'caf\xe9']\n", "is not UTF-8"),
        (b"[a]\nx = 'bell \x07'\n", "at line 2"),
        (b"[a\n", "at line 1"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
    ],
)
def test_what_counts_must_be_right(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=r"^config: .*x\.conf: ") as caught:
        read(tmp_path, content)
    assert message in str(caught.value)
