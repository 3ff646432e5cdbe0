"""Go's formats, each once: what Go's libraries make of a text, and how they write a value.

Kapacitor is written in Go, and what it reads and writes looks as Go's standard library has it: durations (`durations`),
times (`times`), numbers (`numbers`), quoted texts (`quoting`), JSON and YAML (`json_reader`, `json_writer`,
`yaml_reader`), and values of any kind (`fmt`), whose Go types `values` and `time_values` tell.
"""
