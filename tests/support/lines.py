"""Lines of line protocol as property tests draw them, and how they reach a task."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def points(draw: st.DrawFn) -> list[str]:
    """Lines: several groups, points late or of equal time, fields missing or of another type."""
    odd = draw(st.booleans())
    usual = st.sampled_from(["0.0", "1.5", "3.0", "-1.0", "0.25"])
    values = usual | st.sampled_from(["", "2i", "1i", '"s"', '"t"', "true"]) if odd else usual
    lines, time = [], 10
    for _ in range(draw(st.integers(1, 24))):
        time += draw(st.sampled_from([0, 0, 1, 1, 1, 2, 5, -1, -3]))
        h, k = draw(st.sampled_from(["a", "b", ""])), draw(st.sampled_from(["x", "y", ""]))
        tags = "".join(f",{n}={v}" for n, v in (("h", h), ("k", k)) if v)
        fields = [f"{n}={v}" for n, v in (("v", draw(values)), ("w", draw(usual)), ("i", "7i")) if v]
        name = draw(st.sampled_from(["m", "m", "m", "m", "n"]))
        lines.append(f"{name}{tags} {','.join(fields)} {time * 10**9}")
    return lines


@st.composite
def cut_points(draw: st.DrawFn) -> tuple[list[str], list[int], set[int]]:
    """Lines, where to cut them into frames, and before which frames to restart."""
    lines = draw(points())
    cuts = sorted(draw(st.sets(st.integers(1, len(lines)), max_size=6)) | {len(lines)})
    return lines, cuts, draw(st.sets(st.integers(0, len(cuts) - 1), max_size=3))
