"""Go's text/template and html/template, as far as Kapacitor's alerts and handlers use them."""

from grammar.golang.time_values import Duration, Time
from grammar.golang.values import Int, Level, NilMap, Struct
from grammar.gotemplate.errors import TemplateError
from grammar.gotemplate.template import Template, parse, parse_html

__all__ = ["Duration", "Int", "Level", "NilMap", "Struct", "Template", "TemplateError", "Time", "parse", "parse_html"]
