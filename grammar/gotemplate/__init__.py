"""Go's text/template and html/template, as far as Kapacitor's alerts and handlers use them."""

from grammar.gotemplate.errors import TemplateError
from grammar.gotemplate.gotime import Duration, Time
from grammar.gotemplate.template import Template, parse, parse_html
from grammar.gotemplate.values import Int, Level, NilMap, Struct

__all__ = ["Duration", "Int", "Level", "NilMap", "Struct", "Template", "TemplateError", "Time", "parse", "parse_html"]
