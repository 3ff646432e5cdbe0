"""How the text of a template moves the HTML parser's state on."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable
from dataclasses import replace

from grammar.golang.quoting import quote
from grammar.gotemplate.html import attributes
from grammar.gotemplate.html.context import (
    AFTER_NAME,
    ATTR,
    ATTR_NAME,
    ATTR_SCRIPT,
    ATTR_SCRIPT_TYPE,
    ATTR_SRCSET,
    ATTR_START,
    ATTR_STYLE,
    ATTR_URL,
    BEFORE_VALUE,
    CONTENT,
    CSS,
    CSS_BLOCK_COMMENT,
    CSS_DQ,
    CSS_DQ_URL,
    CSS_LINE_COMMENT,
    CSS_SQ,
    CSS_SQ_URL,
    CSS_URL,
    DELIM_ENDS,
    DIVISION,
    DOUBLE_QUOTE,
    ERROR,
    HTML_COMMENT,
    JS,
    JS_BLOCK_COMMENT,
    JS_BQ,
    JS_DQ,
    JS_LINE_COMMENT,
    JS_REGEXP,
    JS_SQ,
    NO_ATTR,
    NO_DELIM,
    NO_ELEMENT,
    NO_URL,
    PRE_QUERY,
    QUERY_OR_FRAGMENT,
    RCDATA,
    REGEXP,
    SCRIPT,
    SINGLE_QUOTE,
    SPACE_OR_TAG_END,
    SRCSET,
    STYLE,
    TAG,
    TEXT,
    TEXTAREA,
    TITLE,
    URL,
    Context,
    error,
)

_SPACE = re.compile("[ \t\n\f\r]*")
_TAG_NAME = re.compile("[A-Za-z](?:[A-Za-z0-9]|[:-](?=[A-Za-z0-9]))*")
_ATTR_NAME = re.compile("[^ \t\n\f\r=>'\"<]*")
_ELEMENTS = {"script": SCRIPT, "style": STYLE, "textarea": TEXTAREA, "title": TITLE}
_END_TAGS = {
    element: re.compile(f"</{name}(?=[> \t\n\f/])", re.IGNORECASE | re.ASCII) for name, element in _ELEMENTS.items()
}
_ATTR_KINDS = {
    attributes.URL: ATTR_URL,
    attributes.CSS: ATTR_STYLE,
    attributes.SCRIPT: ATTR_SCRIPT,
    attributes.SRCSET: ATTR_SRCSET,
}
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[\t\n\f\r ])?|(.)|$)", re.DOTALL)
_CSS_NAME_CHAR = re.compile("[a-zA-Z0-9_\\-\x80-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BEFORE_REGEXP = frozenset(
    (
        *("break", "case", "continue", "delete", "do", "else", "finally", "in", "instanceof", "return", "throw"),
        *("try", "typeof", "void"),
    )
)
_JS_TYPES = frozenset(
    (
        *("application/ecmascript", "application/javascript", "application/json", "application/ld+json", "module"),
        *("application/x-ecmascript", "application/x-javascript", "text/ecmascript", "text/javascript"),
        *(f"text/javascript1.{minor}" for minor in range(6)),
        *("text/jscript", "text/livescript", "text/x-ecmascript", "text/x-javascript"),
    )
)

_CSS_ENDS = {
    CSS_URL: re.compile("[\\\\\t\n\f\r )]"),
    **dict.fromkeys((CSS_DQ, CSS_DQ_URL), re.compile(r'[\\"]')),
    **dict.fromkeys((CSS_SQ, CSS_SQ_URL), re.compile(r"[\\']")),
}
_JS_ENDS = {
    JS_DQ: re.compile(r'[\\"]'),
    JS_SQ: re.compile(r"[\\']"),
    JS_BQ: re.compile(r"[`\\]"),
    JS_REGEXP: re.compile(r"[\\/\[\]]"),
}

Transition = Callable[[Context, str], tuple[Context, int]]


def after_text(at: Context, text: str) -> tuple[Context, int]:
    """The context after some of the text, and how many characters that was."""
    if at.delim == NO_DELIM:
        ended, length = _special_end(at, text)
        if length == 0:
            return ended, 0
        return TRANSITIONS[at.state](at, text[:length])
    found = re.search(f"[{DELIM_ENDS[at.delim]}]", text)
    end = found.start() if found else len(text)
    if at.delim == SPACE_OR_TAG_END:
        # HTML parsers differ on these in a value without quotes.
        wrong = re.search("[\"'<=`]", text[:end])
        if wrong:
            return error(f"{quote(wrong[0])} in unquoted attr: {quote(text[:end])}"), len(text)
    if not found:
        rest = entities.unescape(text)
        while rest:
            at, length = TRANSITIONS[at.state](at, rest)
            rest = rest[length:]
        return at, len(text)
    element = at.element
    if at.state == ATTR and element == SCRIPT and at.attr == ATTR_SCRIPT_TYPE and not _is_js_type(text[:end]):
        element = NO_ELEMENT
    if at.delim != SPACE_OR_TAG_END:
        end += 1
    return Context(state=TAG, element=element), end


def decode_css(text: str) -> str:
    """CSS text with its escapes resolved."""
    return _CSS_ESCAPE.sub(_css_char, text) if "\\" in text else text


def _css_char(found: re.Match[str]) -> str:
    if found[1]:
        code = int(found[1], 16)
        return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"
    return found[2] or ""


def _is_js_type(text: str) -> bool:
    return text.partition(";")[0].lower().strip() in _JS_TYPES


def _text(at: Context, text: str) -> tuple[Context, int]:
    k = 0
    while True:
        i = text.find("<", k)
        if i < 0 or i + 1 == len(text):
            return at, len(text)
        if text.startswith("<!--", i):
            return Context(state=HTML_COMMENT), i + 4
        i += 1
        closing = text[i] == "/"
        if closing:
            if i + 1 == len(text):
                return at, len(text)
            i += 1
        name = _TAG_NAME.match(text, i)
        if name:
            element = NO_ELEMENT if closing else _ELEMENTS.get(name[0].lower(), NO_ELEMENT)
            return Context(state=TAG, element=element), name.end()
        k = i


def _tag(at: Context, text: str) -> tuple[Context, int]:
    i = _skip_space(text)
    if i == len(text):
        return at, len(text)
    if text[i] == ">":
        return Context(state=CONTENT[at.element], element=at.element), i + 1
    j, problem = _attr_name_end(text, i)
    if problem is not None:
        return problem, len(text)
    if i == j:
        return error(f"expected space, attr name, or end of tag, but got {quote(text[i:])}"), len(text)
    name = text[i:j].lower()
    if at.element == SCRIPT and name == "type":
        attr = ATTR_SCRIPT_TYPE
    else:
        attr = _ATTR_KINDS.get(attributes.attribute_kind(name), NO_ATTR)
    return Context(state=ATTR_NAME if j == len(text) else AFTER_NAME, element=at.element, attr=attr), j


def _attr_name(at: Context, text: str) -> tuple[Context, int]:
    i, problem = _attr_name_end(text, 0)
    if problem is not None:
        return problem, len(text)
    return (replace(at, state=AFTER_NAME) if i != len(text) else at), i


def _after_name(at: Context, text: str) -> tuple[Context, int]:
    i = _skip_space(text)
    if i == len(text):
        return at, i
    if text[i] != "=":
        return replace(at, state=TAG), i
    return replace(at, state=BEFORE_VALUE), i + 1


def _before_value(at: Context, text: str) -> tuple[Context, int]:
    i = _skip_space(text)
    if i == len(text):
        return at, i
    delim = {"'": SINGLE_QUOTE, '"': DOUBLE_QUOTE}.get(text[i], SPACE_OR_TAG_END)
    return replace(at, state=ATTR_START[at.attr], delim=delim), i + (delim != SPACE_OR_TAG_END)


def _html_comment(at: Context, text: str) -> tuple[Context, int]:
    i = text.find("-->")
    return (Context(), i + 3) if i >= 0 else (at, len(text))


def _special_end(at: Context, text: str) -> tuple[Context, int]:
    """The end of a script, style, textarea or title, where only its own end tag counts."""
    if at.element != NO_ELEMENT:
        found = _END_TAGS[at.element].search(text)
        if found:
            return Context(), found.start()
    return at, len(text)


def _attr(at: Context, text: str) -> tuple[Context, int]:
    return at, len(text)


def _url(at: Context, text: str) -> tuple[Context, int]:
    if "#" in text or "?" in text:
        at = replace(at, url_part=QUERY_OR_FRAGMENT)
    elif at.url_part == NO_URL and _skip_space(text) != len(text):
        at = replace(at, url_part=PRE_QUERY)
    return at, len(text)


def _js(at: Context, text: str) -> tuple[Context, int]:
    found = re.search("[\"`'/]", text)
    if not found:
        return replace(at, js=_next_js(text, at.js)), len(text)
    i = found.start()
    at = replace(at, js=_next_js(text[:i], at.js))
    char = found[0]
    if char != "/":
        state = {'"': JS_DQ, "'": JS_SQ, "`": JS_BQ}[char]
        return replace(at, state=state, js=REGEXP), i + 1
    if text.startswith("//", i):
        return replace(at, state=JS_LINE_COMMENT), i + 2
    if text.startswith("/*", i):
        return replace(at, state=JS_BLOCK_COMMENT), i + 2
    if at.js == REGEXP:
        return replace(at, state=JS_REGEXP), i + 1
    if at.js == DIVISION:
        return replace(at, js=REGEXP), i + 1
    return error(f"'/' could start a division or regexp: {quote(text[i : i + 32])}"), len(text)


def _js_delimited(at: Context, text: str) -> tuple[Context, int]:
    ends = _JS_ENDS[at.state]
    k, in_charset = 0, False
    while True:
        found = ends.search(text, k)
        if not found:
            break
        i = found.start()
        if found[0] == "\\":
            i += 1
            if i == len(text):
                return error(f"unfinished escape sequence in JS string: {quote(text)}"), len(text)
        elif found[0] in "[]" and at.state == JS_REGEXP:
            in_charset = found[0] == "["
        elif not in_charset:
            return replace(at, state=JS, js=DIVISION), i + 1
        k = i + 1
    if in_charset:
        return error(f"unfinished JS regexp charset: {quote(text)}"), len(text)
    return at, len(text)


def _block_comment(at: Context, text: str) -> tuple[Context, int]:
    i = text.find("*/")
    if i < 0:
        return at, len(text)
    return replace(at, state=JS if at.state == JS_BLOCK_COMMENT else CSS), i + 2


def _line_comment(at: Context, text: str) -> tuple[Context, int]:
    in_js = at.state == JS_LINE_COMMENT
    found = re.search("[\n\r\u2028\u2029]" if in_js else "[\n\f\r]", text)
    return (replace(at, state=JS if in_js else CSS), found.start()) if found else (at, len(text))


def _css(at: Context, text: str) -> tuple[Context, int]:
    for found in re.finditer("[(\"'/]", text):
        i = found.start()
        if found[0] == "(":
            before = text[:i].rstrip("\t\n\f\r ")
            if _ends_with_url(before):
                j = len(text) - len(text[i + 1 :].lstrip("\t\n\f\r "))
                if text[j : j + 1] in ('"', "'"):
                    return replace(at, state=CSS_DQ_URL if text[j] == '"' else CSS_SQ_URL), j + 1
                return replace(at, state=CSS_URL), j
        elif found[0] == "/":
            if text.startswith("//", i):
                return replace(at, state=CSS_LINE_COMMENT), i + 2
            if text.startswith("/*", i):
                return replace(at, state=CSS_BLOCK_COMMENT), i + 2
        else:
            return replace(at, state=CSS_DQ if found[0] == '"' else CSS_SQ), i + 1
    return at, len(text)


def _css_string(at: Context, text: str) -> tuple[Context, int]:
    ends = _CSS_ENDS[at.state]
    k = 0
    while True:
        found = ends.search(text, k)
        if not found:
            at, _ = _url(at, decode_css(text[k:]))
            return at, len(text)
        i = found.start()
        if found[0] != "\\":
            return replace(at, state=CSS), i + 1
        i += 1
        if i == len(text):
            return error(f"unfinished escape sequence in CSS string: {quote(text)}"), len(text)
        at, _ = _url(at, decode_css(text[: i + 1]))
        k = i + 1


def _nothing(at: Context, text: str) -> tuple[Context, int]:
    return at, len(text)


def _skip_space(text: str) -> int:
    return _SPACE.match(text).end()  # type: ignore[union-attr]


def _attr_name_end(text: str, start: int) -> tuple[int, Context | None]:
    end = _ATTR_NAME.match(text, start).end()  # type: ignore[union-attr]
    if end < len(text) and text[end] in "'\"<":
        return end, error(f"{quote(text[end])} in attribute name: {quote(text[:32])}")
    return end, None


def _ends_with_url(text: str) -> bool:
    if text[-3:].lower() != "url":
        return False
    return len(text) == 3 or not _CSS_NAME_CHAR.match(text[-4])


def _next_js(text: str, before: str) -> str:
    """Whether a slash after this text starts a regular expression or divides."""
    text = text.rstrip("\t\n\f\r \u2028\u2029")
    if not text:
        return before
    last = text[-1]
    if last in "+-":
        run = len(text) - len(text.rstrip(last))
        return REGEXP if run % 2 else DIVISION
    if last == ".":
        return DIVISION if len(text) > 1 and "0" <= text[-2] <= "9" else REGEXP
    if last in ",<>=*%&|^?!~([:;{}":
        return REGEXP
    word = re.search("[A-Za-z0-9_$]*$", text)
    return REGEXP if word and word[0] in _BEFORE_REGEXP else DIVISION


TRANSITIONS: dict[str, Transition] = {
    TEXT: _text,
    TAG: _tag,
    ATTR_NAME: _attr_name,
    AFTER_NAME: _after_name,
    BEFORE_VALUE: _before_value,
    HTML_COMMENT: _html_comment,
    RCDATA: _special_end,
    ATTR: _attr,
    URL: _url,
    SRCSET: _url,
    JS: _js,
    JS_DQ: _js_delimited,
    JS_SQ: _js_delimited,
    JS_BQ: _js_delimited,
    JS_REGEXP: _js_delimited,
    JS_BLOCK_COMMENT: _block_comment,
    JS_LINE_COMMENT: _line_comment,
    CSS: _css,
    CSS_DQ: _css_string,
    CSS_SQ: _css_string,
    CSS_DQ_URL: _css_string,
    CSS_SQ_URL: _css_string,
    CSS_URL: _css_string,
    CSS_BLOCK_COMMENT: _block_comment,
    CSS_LINE_COMMENT: _line_comment,
    ERROR: _nothing,
}
