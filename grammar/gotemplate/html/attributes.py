"""What kind of content an HTML attribute holds, by its name."""

from __future__ import annotations

PLAIN = "plain"
CSS = "css"
HTML = "html"
SCRIPT = "script"
URL = "url"
SRCSET = "srcset"
UNSAFE = "unsafe"

_PLAIN = (
    "accept alt autocomplete autofocus autoplay border checked class cols colspan contenteditable contextmenu "
    "controls coords datetime default dir dirname disabled draggable dropzone for formtarget headers height hidden "
    "high hreflang id ismap kind label lang list loop low max maxlength media mediagroup min multiple name "
    "open optimum placeholder preload pubdate radiogroup readonly required reversed rows rowspan spellcheck "
    "scope scoped seamless selected shape size sizes span srclang start step tabindex target title width wrap"
)
_URL = (
    "action archive background cite classid codebase data formaction href icon longdesc manifest poster profile "
    "src usemap xmlns"
)
_UNSAFE = (
    "accept-charset async challenge charset content crossorigin defer enctype form formenctype formmethod "
    "formnovalidate http-equiv keytype language method novalidate pattern rel sandbox type value"
)
_KINDS = {
    **dict.fromkeys(_PLAIN.split(), PLAIN),
    **dict.fromkeys(_URL.split(), URL),
    **dict.fromkeys(_UNSAFE.split(), UNSAFE),
    "srcdoc": HTML,
    "srcset": SRCSET,
    "style": CSS,
}


def attribute_kind(name: str) -> str:
    """The kind of an attribute by its name in lower case; where in doubt, the one that escapes more."""
    if name.startswith("data-"):
        name = name[5:]
    elif ":" in name:
        prefix, _, name = name.partition(":")
        if prefix == "xmlns":
            return URL
    known = _KINDS.get(name)
    if known is not None:
        return known
    if name.startswith("on"):
        return SCRIPT
    return URL if any(word in name for word in ("src", "uri", "url")) else PLAIN
