"""Which of several elements is meant where none is named."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from schemas.config.among import default_workspace, workspace_rules


@dataclass(frozen=True)
class Workspace:
    """As slack and discord have them."""

    workspace: str
    default: bool = False
    enabled: bool = True


NONE, A, B, C = Workspace("", True), Workspace("a"), Workspace("b", True), Workspace("c", True)


@pytest.mark.parametrize(
    ("elements", "meant"),
    [
        ((NONE,), NONE),
        ((NONE, A), NONE),
        ((Workspace(""), A), Workspace("")),
        ((NONE, A, B), B),
        ((B, NONE), B),
        ((C, A, B, NONE), C),
        ((B, A), B),
        ((A,), A),
        ((A, Workspace("z")), A),
    ],
)
def test_the_default_workspace(elements: tuple[Workspace, ...], meant: Workspace) -> None:
    assert default_workspace(elements) == meant


def test_the_default_one_of_the_file_stays_so_where_no_override_says_which_is() -> None:
    overridden = workspace_rules("Slack").overridden
    in_file = (Workspace("b"), Workspace("c", True))
    assert default_workspace(overridden(in_file, (Workspace("b"), Workspace("c")))).workspace == "c"
    assert default_workspace(overridden(in_file, (Workspace("b", True), Workspace("c")))).workspace == "b"
    assert default_workspace(overridden((NONE,), (Workspace(""), A))).workspace == ""
