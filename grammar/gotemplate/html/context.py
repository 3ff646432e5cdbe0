"""Where in HTML, CSS or JavaScript the text of a template stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grammar.gotemplate import nodes

TEXT = "stateText"
TAG = "stateTag"
ATTR_NAME = "stateAttrName"
AFTER_NAME = "stateAfterName"
BEFORE_VALUE = "stateBeforeValue"
HTML_COMMENT = "stateHTMLCmt"
RCDATA = "stateRCDATA"
ATTR = "stateAttr"
URL = "stateURL"
SRCSET = "stateSrcset"
JS = "stateJS"
JS_DQ = "stateJSDqStr"
JS_SQ = "stateJSSqStr"
JS_BQ = "stateJSBqStr"
JS_REGEXP = "stateJSRegexp"
JS_BLOCK_COMMENT = "stateJSBlockCmt"
JS_LINE_COMMENT = "stateJSLineCmt"
CSS = "stateCSS"
CSS_DQ = "stateCSSDqStr"
CSS_SQ = "stateCSSSqStr"
CSS_DQ_URL = "stateCSSDqURL"
CSS_SQ_URL = "stateCSSSqURL"
CSS_URL = "stateCSSURL"
CSS_BLOCK_COMMENT = "stateCSSBlockCmt"
CSS_LINE_COMMENT = "stateCSSLineCmt"
ERROR = "stateError"
DEAD = "stateDead"

COMMENTS = frozenset((HTML_COMMENT, JS_BLOCK_COMMENT, JS_LINE_COMMENT, CSS_BLOCK_COMMENT, CSS_LINE_COMMENT))
IN_TAG = frozenset((TAG, ATTR_NAME, AFTER_NAME, BEFORE_VALUE, ATTR))

NO_DELIM = "delimNone"
DOUBLE_QUOTE = "delimDoubleQuote"
SINGLE_QUOTE = "delimSingleQuote"
SPACE_OR_TAG_END = "delimSpaceOrTagEnd"

NO_URL = "urlPartNone"
PRE_QUERY = "urlPartPreQuery"
QUERY_OR_FRAGMENT = "urlPartQueryOrFrag"
UNKNOWN_URL = "urlPartUnknown"

REGEXP = "jsCtxRegexp"
DIVISION = "jsCtxDivOp"
UNKNOWN_JS = "jsCtxUnknown"

NO_ATTR = "attrNone"
ATTR_SCRIPT = "attrScript"
ATTR_SCRIPT_TYPE = "attrScriptType"
ATTR_STYLE = "attrStyle"
ATTR_URL = "attrURL"
ATTR_SRCSET = "attrSrcset"

NO_ELEMENT = "elementNone"
SCRIPT = "elementScript"
STYLE = "elementStyle"
TEXTAREA = "elementTextarea"
TITLE = "elementTitle"

ATTR_START = {
    NO_ATTR: ATTR,
    ATTR_SCRIPT: JS,
    ATTR_SCRIPT_TYPE: ATTR,
    ATTR_STYLE: CSS,
    ATTR_URL: URL,
    ATTR_SRCSET: SRCSET,
}
CONTENT = {NO_ELEMENT: TEXT, SCRIPT: JS, STYLE: CSS, TEXTAREA: RCDATA, TITLE: RCDATA}
# What ends an attribute value of each kind of delimiter.
DELIM_ENDS = {DOUBLE_QUOTE: '"', SINGLE_QUOTE: "'", SPACE_OR_TAG_END: " \t\n\f\r>"}


@dataclass(eq=False, slots=True)
class Problem:
    """Why a template cannot be escaped; node, where known, tells the place."""

    message: str
    node: nodes.Node | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """The state of an HTML parser between two nodes of a template."""

    state: str = TEXT
    delim: str = NO_DELIM
    url_part: str = NO_URL
    js: str = REGEXP
    attr: str = NO_ATTR
    element: str = NO_ELEMENT
    problem: Problem | None = None

    def __str__(self) -> str:
        parts = (self.state, self.delim, self.url_part, self.js, self.attr, self.element, "<nil>")
        return f"{{{' '.join(parts)}}}"

    def mangle(self, name: str) -> str:
        """The name of a template that is called in this context: its own in plain text."""
        if self.state == TEXT:
            return name
        parts = [f"{name}$htmltemplate_{self.state}"]
        for value, default in (
            (self.delim, NO_DELIM),
            (self.url_part, NO_URL),
            (self.js, REGEXP),
            (self.attr, NO_ATTR),
            (self.element, NO_ELEMENT),
        ):
            if value != default:
                parts.append(value)
        return "_".join(parts)


def error(message: str, node: nodes.Node | None = None, line: int = 0) -> Context:
    """The context in which nothing more is said but why."""
    return Context(state=ERROR, problem=Problem(message, node, line))


def nudge(at: Context) -> Context:
    """The context that the next character brings about without being consumed: an action stands for one."""
    if at.state == TAG:
        return replace(at, state=ATTR_NAME)
    if at.state == BEFORE_VALUE:
        return replace(at, state=ATTR_START[at.attr], delim=SPACE_OR_TAG_END, attr=NO_ATTR)
    if at.state == AFTER_NAME:
        return replace(at, state=ATTR_NAME, attr=NO_ATTR)
    return at


def join(one: Context, other: Context, node: nodes.Node | None, name: str) -> Context:
    """The context after two branches; an error where it depends on which one ran."""
    if one.state == ERROR or other.state == DEAD:
        return one
    if other.state == ERROR or one.state == DEAD or one == other:
        return other
    if replace(one, url_part=other.url_part) == other:
        return replace(one, url_part=UNKNOWN_URL)
    if replace(one, js=other.js) == other:
        return replace(one, js=UNKNOWN_JS)
    nudged = nudge(one), nudge(other)
    if nudged != (one, other):
        joined = join(*nudged, node, name)
        if joined.state != ERROR:
            return joined
    return error(f"{{{{{name}}}}} branches end in different contexts: {one}, {other}", node)
