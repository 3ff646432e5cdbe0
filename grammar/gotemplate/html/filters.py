"""The functions that make a value safe for where it stands; html/template appends them to pipelines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from grammar.golang.errors import CallError
from grammar.golang.fmt import sprint
from grammar.golang.json_writer import to_json
from grammar.golang.values import INTERFACE, STRING, Function, GoType
from grammar.gotemplate.functions import escape_markup, json_line
from grammar.gotemplate.html.attributes import PLAIN, attribute_kind
from grammar.gotemplate.html.transitions import decode_css

# What stands in for a value that is not let through.
FAILSAFE: Final = "ZgotmplZ"

HTML_ESCAPER: Final = "_html_template_htmlescaper"
RCDATA_ESCAPER: Final = "_html_template_rcdataescaper"
ATTR_ESCAPER: Final = "_html_template_attrescaper"
NOSPACE_ESCAPER: Final = "_html_template_nospaceescaper"
NAME_FILTER: Final = "_html_template_htmlnamefilter"
COMMENT_ESCAPER: Final = "_html_template_commentescaper"
URL_FILTER: Final = "_html_template_urlfilter"
URL_ESCAPER: Final = "_html_template_urlescaper"
URL_NORMALIZER: Final = "_html_template_urlnormalizer"
SRCSET_ESCAPER: Final = "_html_template_srcsetescaper"
JS_VALUE_ESCAPER: Final = "_html_template_jsvalescaper"
JS_STRING_ESCAPER: Final = "_html_template_jsstrescaper"
JS_REGEXP_ESCAPER: Final = "_html_template_jsregexpescaper"
CSS_ESCAPER: Final = "_html_template_cssescaper"
CSS_VALUE_FILTER: Final = "_html_template_cssvaluefilter"
EVAL_ARGS: Final = "_eval_args_"


class Script(str):
    """template.JS: JavaScript that is let through as it is where JavaScript stands."""

    __slots__ = ()
    go_type: ClassVar[GoType] = GoType("template.JS", "string")


def _replacer(table: Mapping[str, str], others: str = "") -> Callable[[str], str]:
    pattern = re.compile(f"[{re.escape(''.join(table))}{others}]")

    def replace(text: str) -> str:
        return pattern.sub(lambda found: table.get(found[0]) or f"&#x{ord(found[0]):x};", text)

    return replace


_NOSPACE_TABLE = {
    **{char: f"&#{ord(char)};" for char in "\t\n\v\f\r =`\"'+"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "\0": "&#xfffd;",
}
_JS_TABLE = {
    **{chr(code): f"\\u{code:04x}" for code in range(0x20)},
    **{char: f"\\u{ord(char):04x}" for char in "\"`&'+<>\u2028\u2029"},
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    "/": "\\/",
    "\\": "\\\\",
}
_REGEXP_TABLE = {
    **{char: text for char, text in _JS_TABLE.items() if char != "`"},
    **{char: "\\" + char for char in "$()*-.?[]^{|}"},
}
_CSS_TABLE = {
    **{char: f"\\{ord(char):x}" for char in "\0\t\n\f\r\"&'()+/:;<>{}"},
    "\\": "\\\\",
}
_nospace = _replacer(_NOSPACE_TABLE, "\ufdd0-\ufdef\ufff0-\uffff")
_js_string = _replacer(_JS_TABLE)
_js_regexp = _replacer(_REGEXP_TABLE)
_CSS_CHARS = re.compile(f"[{re.escape(''.join(_CSS_TABLE))}]")
_CSS_BAD = re.compile(r"[\0\"'()/;@\[\\\]`{}]|--")
_CSS_NAME = re.compile("[^a-zA-Z0-9_-]")
_NORMAL = re.compile(rb"%(?![0-9a-fA-F]{2})|[^!#$&*+,/:;=?@\[\]\-._~%a-zA-Z0-9]")
_QUERY = re.compile(rb"[^\-._~a-zA-Z0-9]")
_METADATA = re.compile("[\t\n\f\r A-Za-z0-9]*")
_IDENT_PART = re.compile("[$_0-9A-Za-z]")


def _plain(args: tuple[Any, ...]) -> str:
    """The arguments as text; nil counts as nothing."""
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    return sprint(*[arg for arg in args if arg is not None])


def escape_html(*args: Any) -> str:
    """Text between tags, in a textarea or title, or in a quoted attribute."""
    # Go escapes + here too, unlike its function html.
    return escape_markup(_plain(args)).replace("+", "&#43;")


def escape_nospace(*args: Any) -> str:
    """An attribute value without quotes."""
    return _nospace(_plain(args))


def filter_name(*args: Any) -> str:
    """The name of an attribute: only one that is plain."""
    text = _plain(args).lower()
    if not text or attribute_kind(text) != PLAIN or not re.fullmatch("[a-z0-9]*", text):
        return FAILSAFE
    return text


def filter_url(*args: Any) -> str:
    """The start of a URL: relative, http, https or mailto."""
    text = _plain(args)
    return text if _is_safe_url(text) else "#" + FAILSAFE


def escape_url(*args: Any) -> str:
    """A part of a URL's query or fragment."""
    return _percent(_QUERY, _plain(args))


def normalize_url(*args: Any) -> str:
    """A part of a URL that may hold URL syntax of its own."""
    return _percent(_NORMAL, _plain(args))


def escape_srcset(*args: Any) -> str:
    """A list of image URLs, each with its size."""
    return ",".join(_srcset_element(part) for part in _plain(args).split(","))


def escape_js_value(*args: Any) -> str:
    """A JavaScript expression: the value as JSON."""
    value = args[0] if len(args) == 1 else sprint(*args)
    if isinstance(value, Script):
        return str(value)
    shown = getattr(value, "go_string", None)
    if shown is not None and not hasattr(value, "go_json"):
        value = shown()
    try:
        text = to_json(value)
    except CallError as problem:
        return f" /* {str(problem).replace('*/', '* /')} */null "
    # The pad keeps a number or word from running into a keyword before or after it.
    pad = " " if _IDENT_PART.match(text[0]) or _IDENT_PART.match(text[-1]) else ""
    return f"{pad}{text}{pad}"


def escape_js_string(*args: Any) -> str:
    """A part of a JavaScript string."""
    return _js_string(_plain(args))


def escape_js_regexp(*args: Any) -> str:
    """A part of a JavaScript regular expression, taken literally."""
    return _js_regexp(_plain(args)) or "(?:)"


def escape_css(*args: Any) -> str:
    """A part of a CSS string."""
    text = _plain(args)
    out = []
    at = 0
    for found in _CSS_CHARS.finditer(text):
        code = _CSS_TABLE[found[0]]
        out += [text[at : found.start()], code]
        at = found.end()
        # A hexadecimal escape ends at a blank where what follows could belong to it.
        if code != "\\\\" and (at == len(text) or text[at] in "0123456789abcdefABCDEF\t\n\f\r "):
            out.append(" ")
    return "".join(out) + text[at:]


def filter_css(*args: Any) -> str:
    """A CSS value: a quantity, a word, a colour; nothing that could end the declaration."""
    text = decode_css(_plain(args))
    if _CSS_BAD.search(text):
        return FAILSAFE
    words = _CSS_NAME.sub("", text).lower()
    return FAILSAFE if "expression" in words or "mozbinding" in words else text


def drop_comment(*args: Any) -> str:
    """Nothing of a value gets into a comment."""
    return ""


def _is_safe_url(text: str) -> bool:
    scheme, colon, _ = text.partition(":")
    return not colon or "/" in scheme or scheme.lower() in ("http", "https", "mailto")


def _percent(pattern: re.Pattern[bytes], text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return pattern.sub(lambda found: b"%%%02x" % found[0][0], data).decode("utf-8", "surrogateescape")


def _srcset_element(part: str) -> str:
    blank = "\t\n\f\r "
    left = len(part) - len(part.lstrip(blank))
    found = re.compile(f"[{blank}]").search(part, left)
    end = found.start() if found else len(part)
    if _is_safe_url(part[left:end]) and _METADATA.fullmatch(part, end):
        return part[:left] + _percent(_NORMAL, part[left:end]) + part[end:]
    return "#" + FAILSAFE


def _escaper(call: Callable[..., str]) -> Function:
    return Function(call, (INTERFACE,), variadic=True, result=STRING)


ESCAPERS: Final[dict[str, Function]] = {
    HTML_ESCAPER: _escaper(escape_html),
    RCDATA_ESCAPER: _escaper(escape_html),
    ATTR_ESCAPER: _escaper(escape_html),
    NOSPACE_ESCAPER: _escaper(escape_nospace),
    NAME_FILTER: _escaper(filter_name),
    COMMENT_ESCAPER: _escaper(drop_comment),
    URL_FILTER: _escaper(filter_url),
    URL_ESCAPER: _escaper(escape_url),
    URL_NORMALIZER: _escaper(normalize_url),
    SRCSET_ESCAPER: _escaper(escape_srcset),
    JS_VALUE_ESCAPER: _escaper(escape_js_value),
    JS_STRING_ESCAPER: _escaper(escape_js_string),
    JS_REGEXP_ESCAPER: _escaper(escape_js_regexp),
    CSS_ESCAPER: _escaper(escape_css),
    CSS_VALUE_FILTER: _escaper(filter_css),
    EVAL_ARGS: _escaper(sprint),
}
JSON_SCRIPT: Final = Function(lambda value: Script(json_line(value)), (INTERFACE,), result=Script.go_type)
