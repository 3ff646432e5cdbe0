"""What the rules find, and where in the text it is."""

from __future__ import annotations

from services.language_server.diagnostics import diagnostics
from services.language_server.text import Text
from services.linting.finding import Severity
from services.linting.sample import read_sample
from tests.support.linting import every_node


def test_a_finding_is_of_the_word_that_it_is_about() -> None:
    source = "var é = '𝄞' var spare = 5\nstream\n    |from().measurement(é)\n    |mean('x')\n"
    text = Text(source)
    spare, unreachable = diagnostics(text, every_node())
    assert (spare.rule, source[spare.start : spare.end]) == ("unused-var", "spare")
    assert spare.severity is Severity.WARNING
    assert spare.text == "the var spare is never read\nremove it, or use it"
    assert text.place(spare.start) == (0, 17) and text.place(spare.end) == (0, 22)  # 𝄞 is two units
    assert (unreachable.rule, source[unreachable.start : unreachable.end]) == ("unreachable", "mean")


def test_what_cannot_be_read_is_an_error_where_reading_ends() -> None:
    source = "// 𝄞\r\nstream|from(\r\n"
    (one,) = diagnostics(Text(source), every_node())
    assert (one.rule, one.severity) == ("syntax", Severity.ERROR)
    assert Text(source).place(one.start) == (2, 0) and one.end == len(source)
    assert diagnostics(Text("\ud834"), every_node())[0].rule == "syntax"


def test_a_sample_has_lambdas_looked_at() -> None:
    text = Text("stream|from().measurement('m').where(lambda: \"v\" == 'a')|log()\n")
    assert not diagnostics(text, every_node())
    (one,) = diagnostics(text, every_node(), read_sample(b"m v=1\n"))
    assert one.rule == "field-type" and text.value[one.start] == "="
