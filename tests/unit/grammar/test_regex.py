"""What Go's regexp package answers, and how long that may take."""

import time

import pytest

from grammar.regex import RegexError, compile_regex, escape


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a|ab", "ab", "a"),
        ("a$", "a\n", None),
        ("(?m)^b$", "a\nb\nc", "b"),
        ("a.b", "a\nb", None),
        ("(?s)a.b", "a\nb", "a\nb"),
        ("(?U)a+", "aaa", "a"),
        ("(?U)a+?", "aaa", "aaa"),
        ("x(?i)ab|CD", "xAB", "xAB"),
        ("x(?i)ab|CD", "cd", "cd"),
        ("x(?i:a)b", "xAB", None),
        ("(?i)\\W+", "sk", None),
        ("(?i)[^\\W]+", "sk", "sk"),
        ("\\d+", "٣", None),
        ("\\w+", "é", None),
        ("\\bé", "é", None),
        ("\\s", "\v", None),
        ("\\pL+", "añb1", "añb"),
        ("\\p{Greek}+", "abγδ", "γδ"),
        ("\\p{^Lu}+", "ABc", "c"),
        ("[\\P{Lu}x]+", "AbcD", "bc"),
        ("[[:alpha:]_]+", "1a_2", "a_"),
        ("[[:^digit:]]+", "1ab2", "ab"),
        ("[]a]+", "x]a", "]a"),
        ("\\Qa.b\\E+", "a.bb", "a.bb"),
        ("\\x{41}\\x42\\103", "ABC", "ABC"),
        ("a{,2}", "a{,2}", "a{,2}"),
        ("a{2", "a{2", "a{2"),
        ("(?:)*^*b", "b", "b"),
        ("\\Aa\\z", "a", "a"),
        ("a[&&~~||]", "a&", "a&"),
        ("\\B", "", ""),
    ],
)
def test_matches_what_go_matches(pattern: str, text: str, found: str | None) -> None:
    regex = compile_regex(f"({pattern})")
    assert regex.matches(text) is (found is not None)
    if found is not None:
        assert f"<{found}>" in regex.replace(text, "<$1>")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "missing closing ): `(`"),
        ("a)b", "unexpected ): `a)b`"),
        ("[a", "missing closing ]: `[a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("\\p{Nope}", "invalid character class range: `\\p{Nope}`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a*+", "invalid nested repetition operator: `*+`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("\\1", "invalid escape sequence: `\\1`"),
        ("\\Z", "invalid escape sequence: `\\Z`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("\\C", "invalid escape sequence: `\\C`"),
        ("a\\\\\\C", "invalid escape sequence: `\\C`"),
        ("((a{100}){100}){100}", "invalid repeat count: `{100}`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?P<n->a)", "invalid named capture: `(?P<n->`"),
    ],
)
def test_refuses_in_the_words_of_go(pattern: str, message: str) -> None:
    with pytest.raises(RegexError) as caught:
        compile_regex(pattern)
    assert str(caught.value) == f"error parsing regexp: {message}"


@pytest.mark.parametrize(
    ("template", "expanded"),
    [
        ("$1-$2", "ab-12"),
        ("$1x", ""),
        ("${1}x", "abx"),
        ("$n/${n}", "12/12"),
        ("$0$0", "ab12ab12"),
        ("$3|$9", "|"),
        ("$01", ""),
        ("$$1", "$1"),
        ("$", "$"),
        ("$-${", "$-${"),
        ("\\1", "\\1"),
    ],
)
def test_templates(template: str, expanded: str) -> None:
    assert compile_regex("^([a-z]+)(?P<n>[0-9]+)(x)?$").replace("ab12", template) == expanded


def test_the_name_of_a_group_may_begin_with_a_digit() -> None:
    assert compile_regex("(?P<1x>a)").replace("a", "[$1x]") == "[a]"


@pytest.mark.parametrize(
    ("pattern", "text", "template", "replaced"),
    [
        ("x*", "abxd", "-", "-a-b-d-"),
        ("a??", "aa", "-", "-a-a-"),
        ("(a)(b)?", "abac", "[$1$2]", "[ab][a]c"),
        ("\\A", "ab", "-", "-ab"),
        ("z", "ab", "-", "ab"),
        ("", "é漢", "-", "-é-漢-"),
        ("é", "aéb", "<$0>", "a<é>b"),
    ],
)
def test_replace_all(pattern: str, text: str, template: str, replaced: str) -> None:
    assert compile_regex(pattern).replace(text, template) == replaced


@pytest.mark.parametrize("pattern", ["\\\\C", "\\Q\\C\\E", "[\\\\C]"])
def test_a_c_behind_no_backslash_of_its_own_is_a_letter(pattern: str) -> None:
    assert compile_regex(pattern).matches("\\C")


@pytest.mark.parametrize("pattern", ["\\p{L}" * 999, "\\p{L}" * 10000, "a?" * 100_000, "(\\p{L}{1000})"])
def test_a_pattern_too_large_is_refused_soon(pattern: str) -> None:
    begun = time.process_time()
    with pytest.raises(RegexError, match="expression too large"):
        compile_regex(pattern)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("pattern", "text"), [("^(a+)+$", "a" * 40 + "b"), ("(.*),(.*),(.*)x", "," * 400), ("(a|aa)+$", "a" * 10000 + "b")]
)
def test_the_time_grows_with_the_text_only(pattern: str, text: str) -> None:
    """Each of these takes seconds to ages where an engine tracks back."""
    begun = time.process_time()
    assert not compile_regex(pattern).matches(text)
    assert time.process_time() - begun < 0.5


def test_a_lone_surrogate_is_a_question_mark() -> None:
    assert compile_regex("a[?]b").matches("a\ud800b")


@pytest.mark.parametrize("text", ["a.b", "[x]", "*", "\n", "\0", "-", "é", "a b"])
def test_quote(text: str) -> None:
    assert compile_regex(f"^{escape(text)}$").matches(text)
    assert compile_regex(f"^[{escape(text[0])}]").matches(text)
