"""What Go's regexp package answers, on Python's."""

import pytest

from grammar.regex import RegexError, compile_regex, expand, replace_all


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
    match = compile_regex(pattern).search(text)
    assert (match[0] if match else None) == found


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
        ("(?<n>a)", "invalid or unsupported Perl syntax: `(?<`"),
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
    match = compile_regex("([a-z]+)(?P<n>[0-9]+)(x)?").fullmatch("ab12")
    assert match is not None
    assert expand(template, match) == expanded


def test_a_group_may_have_a_name_that_python_refuses() -> None:
    match = compile_regex("(?P<1x>a)").match("a")
    assert match is not None
    assert expand("$1x", match) == "a"


@pytest.mark.parametrize(
    ("pattern", "text", "template", "replaced"),
    [
        ("x*", "abxd", "-", "-a-b-d-"),
        ("a??", "aa", "-", "-a-a-"),
        ("(a)(b)?", "abac", "[$1$2]", "[ab][a]c"),
        ("\\A", "ab", "-", "-ab"),
        ("z", "ab", "-", "ab"),
    ],
)
def test_replace_all(pattern: str, text: str, template: str, replaced: str) -> None:
    assert replace_all(compile_regex(pattern), text, template) == replaced
