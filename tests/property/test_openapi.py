"""The OpenAPI document is held to what the server does: schemathesis asks all there is in it, rightly and wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.serve import serve

ENDLESS = r"/(logs|live)$|/pprof/(profile|block|mutex)$"  # streams that go on for as long as somebody listens


EXAMPLES = 14


@schemathesis.serializer("application/gzip")
def as_it_is(ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("serve")) as url:
        yield url


@pytest.fixture(scope="module")
def schema(url: str) -> Any:
    return schemathesis.openapi.from_url(f"{url}/kapacitor/v1/openapi.json").exclude(path_regex=ENDLESS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_the_server_does_as_the_document_says(schema: Any, url: str, mode: GenerationMode) -> None:
    """What is asked as the document has it is answered as it has it; so is all else, and never by a failure of ours."""
    failures = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: Any) -> None:
            case.call_and_validate(base_url=url, checks=PLAIN if case.path.endswith("/write") else HOLDING)

        try:
            holds()
        except (Unsatisfiable, SkipTest):
            pass  # there is no wrong way to ask some things
        except BaseExceptionGroup as failure:
            failures += [f"{operation.label}: {one}" for one in failure.exceptions]
    assert not failures, "\n\n".join(failures)


def no_failure_of_ours(ctx: Any, response: Any, case: Any) -> None:
    """A 5xx has a reason that the document names, and says what it is."""
    assert response.status_code < 500 or "internal error" not in response.text


PLAIN = [no_failure_of_ours, status_code_conformance]
"""For /write, whose errors are plain text under JSON's content type, as Kapacitor's are."""
HOLDING = [*PLAIN, content_type_conformance, response_schema_conformance]
