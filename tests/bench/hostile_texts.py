"""Inputs of hostile.py that are texts: scripts, vars, JSON and queries that are too long, too deep or too many."""

from __future__ import annotations

from tests.bench.hostile_target import AB, API, FROM, MEGABYTE, Target, hostile, script

ALERT = FROM + "|alert().message('TEXT').info(lambda: TRUE).log('/dev/null')"
HTML = ALERT.replace("message", "details")

script("script: 100,000 nodes", "var s = " + FROM + "\n" + "s|log()\n" * 100_000)
script("script: 20,000 nodes", "var s = " + FROM + "\n" + "s|log()\n" * 20_000)
script("script: 5,000 nodes", "var s = " + FROM + "\n" + "s|eval(lambda: \"v\" + 1.0).as('x')\n" * 5000)
script("script: 48,000 words", "var s = " + FROM + "\n" + "s|eval(lambda: \"v\" + 1.0).as('x')\n" * 1900)
script("script: chain of 2,000", FROM + "|log()" * 2000)
script("script: chain of 400", FROM + "|log()" * 400)
script("script: 30 MB", "var x = '" + "x" * (30 * MEGABYTE) + "'\n" + FROM)
DOUBLED = "var v0 = 'xxxxxxxx'\n" + "".join(f"var v{i + 1} = v{i} + v{i}\n" for i in range(40))
script("script: v=v+v", DOUBLED + FROM)
script("script: 1 MB of durations", "var x = " + "1s" * (MEGABYTE // 2) + "\n" + FROM)
script("script: integer of 1 MB", "var x = " + "1" * MEGABYTE + "\n" + FROM)
script("script: float of 1 MB", "var x = " + "1" * MEGABYTE + ".0\n" + FROM)
script("script: 500 regexes", "".join(f"var x{i} = /\\pL{{100}}{i}/\n" for i in range(500)) + FROM)
script("script: error at the end of 1 MB", FROM + "|log()" * 170_000 + "|")
script("script: 20,000 vars", "".join(f"var x{i} = {i}\n" for i in range(20_000)) + FROM)
script("script: deep parentheses", FROM + "|where(lambda: " + "(" * 100_000 + "TRUE" + ")" * 100_000 + ")")
script("script: union of 5,000", f"var s = {FROM}\ns|union(" + ",".join(["s"] * 5000) + ")")
script("script: 2,000 alerts", "var s = " + FROM + "\n" + "s|alert().info(lambda: TRUE).log('/dev/null')\n" * 2000)
script("script: period of 10^10 d", FROM + "|window().period(9999999999d).every(1s)")
script("script: every 0s", FROM + "|window().period(1s).every(0s)|count('v')")
script("script: barrier of 1u", FROM + "|barrier().period(1u)|httpOut('x')")
script("script: stats of 1u", "stream|from().measurement('probe')|stats(1u)|httpOut('x')")
script("script: stats of 1ms", "stream|from().measurement('probe')|stats(1ms)|httpOut('x')")
script("script: shift of 292 years", FROM + "|shift(99999d)|httpOut('x')")
script("script: template of 10,000 actions", ALERT.replace("TEXT", "{{ .ID }}" * 10_000))
script("script: template nested 5,000 deep", ALERT.replace("TEXT", "{{ if .ID }}" * 5000 + "{{ end }}" * 5000))
script("script: HTML of 10,000 actions", HTML.replace("TEXT", "<a b={{ .ID }}>" * 10_000))
script("script: 200 KB of durations", "var x = " + "1s" * 100_000 + "\n" + FROM)
script("script: 100 KB of digits", "var x = " + "1" * 100_000 + "\n" + FROM)
FEBRUARY = "batch|query('SELECT v FROM a.b.c').period(1s).cron('0 0 0 30 2 * *')"
script("script: cron of 30 February", FEBRUARY, type="batch", dbrps=AB)
script("script: 10,000 groupBy tags", FROM + ".groupBy(" + ",".join(f"'t{i}'" for i in range(10_000)) + ")")
DIAMONDS = "".join(f"var b{i + 1} = b{i}|union(b{i})\n" for i in range(40))
script("script: 40 diamonds", f"var b0 = {FROM}\n{DIAMONDS}b40|httpOut('x')")
QUERIED = "var b0 = batch|query('SELECT v FROM a.b.c').period(1s).every(1h)\n"
script("script: 40 diamonds of batches", f"{QUERIED}{DIAMONDS}b40|httpOut('x')", type="batch", dbrps=AB)
script("script: 19,000 tags in a list", FROM + ".groupBy([" + ",".join(f"'t{i}'" for i in range(19_000)) + "])")


@hostile("points: printf of 10^9 digits")
def _printf(target: Target) -> str:
    told = target.task(ALERT.replace("TEXT", '{{ printf "%999999999d" 1 }}'))
    return f"{told}; {target.write('hostile v=1')}"


@hostile("points: strReplace that grows")
def _str_replace(target: Target) -> str:
    grown = "'x'"
    for _ in range(8):
        grown = f"strReplace('xxxxxxxxxx', 'x', {grown}, -1)"
    told = target.task(FROM + f"|eval(lambda: strLength({grown})).as('n')|httpOut('x')")
    return f"{told}; {target.write('hostile v=1')}"


@hostile("vars: 1 MB of them")
def _vars(target: Target) -> str:
    names = range(20_000)
    vars = {f"x{i}": {"type": "int", "value": i} for i in names}
    return target.task("".join(f"var x{i} = 1\n" for i in names) + FROM, vars=vars)


@hostile("vars: list of 200,000")
def _list(target: Target) -> str:
    items = [{"type": "string", "value": f"t{i}"} for i in range(200_000)]
    return target.task("var x = ['a']\n" + FROM + ".groupBy(x)", vars={"x": {"type": "list", "value": items}})


@hostile("vars: lambda of 1 MB")
def _lambda(target: Target) -> str:
    text = "TRUE" + " AND TRUE" * 100_000
    return target.task("var x = lambda: TRUE\n" + FROM + "|where(x)", vars={"x": {"type": "lambda", "value": text}})


@hostile("json: 1,000,000 deep")
def _deep(target: Target) -> str:
    return target.ask("POST", f"{API}/tasks", b"[" * 1_000_000 + b"]" * 1_000_000)


@hostile("json: 1,000 deep in vars")
def _deep_vars(target: Target) -> str:
    body = b'{"id":"d","vars":{"x":' + b'{"value":' * 900 + b"1" + b"}" * 900 + b"}}"
    return target.ask("POST", f"{API}/tasks", body)


@hostile("json: 1e400")
def _infinite(target: Target) -> str:
    return target.ask("POST", f"{API}/tasks", b'{"id":"d","vars":{"x":{"type":"float","value":1e400}}}')


@hostile("json: integer of 1 MB")
def _digits(target: Target) -> str:
    body = b'{"id":"d","vars":{"x":{"type":"int","value":' + b"1" * MEGABYTE + b"}}}"
    return target.ask("POST", f"{API}/tasks", body)


@hostile("json: 60 MB of small arrays")
def _arrays(target: Target) -> str:
    return target.ask("POST", f"{API}/tasks", b'{"id":"d","x":[' + b"[]," * (20 * MEGABYTE) + b"[]]}")


@hostile("json: 60 MB handler options")
def _options(target: Target) -> str:
    options = b",".join(b'"k%d":%d' % (i, i) for i in range(2_000_000))
    body = b'{"id":"h","kind":"log","options":{"path":"/tmp/x",' + options + b"}}"
    return target.ask("POST", f"{API}/alerts/topics/hostile/handlers", body)


@hostile("json: 1,000,000 unknown keys")
def _keys(target: Target) -> str:
    body = b'{"id":"d",' + b",".join(b'"k%d":1' % i for i in range(1_000_000)) + b"}"
    return target.ask("POST", f"{API}/tasks", body)


@hostile("json: 500,000 dbrps")
def _dbrps(target: Target) -> str:
    dbrps = [{"db": f"d{i}", "rp": "r"} for i in range(500_000)]
    return target.task(FROM, dbrps=dbrps)


@hostile("query: 60 KB of fields")
def _fields(target: Target) -> str:
    return target.ask("GET", f"{API}/tasks?" + "fields=id&" * 6000)


@hostile("query: fields=dot 6,000 times")
def _fields_dot(target: Target) -> str:
    target.task("var s = " + FROM + "\n" + "s|log()\n" * 1000)
    return target.ask("GET", f"{API}/tasks?" + "fields=dot&" * 5500)[:40]


@hostile("query: limit of 10^18")
def _limit(target: Target) -> str:
    return target.ask("GET", f"{API}/tasks?limit=999999999999999999&offset=999999999999999999")


@hostile("query: pattern of stars")
def _pattern(target: Target) -> str:
    return target.ask("GET", f"{API}/tasks?pattern=" + "*a" * 20_000 + "b")
