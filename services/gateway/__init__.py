"""The HTTP API and the commands on the bus: what users do with tickbus comes in here.

Its rooms, from the ground up; each imports only what stands above it in this list, and not all of that (the table is in
tests/unit/test_architecture.py):

operations     what all rooms share: how an operation is declared, refused and answered
access         who may do what: users, passwords, tokens, browsers' origins, the audit log
clients        what other processes are asked: alerting, engine workers, recorders, each process about itself
readmodels     projections of EVENTS, and scripts compiled and laid out
commands       what can be done: decided on the read models, stored as events
load           the load directory: the same commands, given by files
http           from a connection to an operation and back; writes on a short path
listeners      inputs beside HTTP: UDP, Graphite, OpenTSDB, collectd
scraping       Prometheus targets
subscriptions  what InfluxDB is told to send here
queries        what can be asked: tasks, templates, recordings, users, metrics
live           what viewers are told as it happens, looked at once for all of them
openapi        the OpenAPI and AsyncAPI documents, made of the declarations
console        the page for browsers: its files, and how they are sent
resources      one file a resource of the API: its paths, methods, schemas, errors, and which command or query each is

`api.py` puts them together, `main.py` is the process.
"""
