"""`tickbus backup`: the file that it leaves. What a backup holds stands in tests/crash/test_states_on_the_bus.py."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from services.cli.main import main
from tests.support.old_kapacitor import answering

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_a_backup_has_password_hashes_and_is_its_owners_alone_unless_the_file_was_others(tmp_path: Path) -> None:
    file = tmp_path / "all.backup"
    before = os.umask(0o022)
    try:
        with answering(lambda path, query: (200, b"all of it")) as url:
            for mode in (0o600, 0o640):
                assert main(["backup", str(file), "-url", url]) == 0
                assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"all of it", mode)
                file.chmod(0o640)
    finally:
        os.umask(before)
    assert [*tmp_path.iterdir()] == [file]
