"""Every odd and every bad request to the real server, each beside a good one."""

import pytest

import soaking  # noqa: F401 - makes the modules of client and library importable
from soaking.asking import Asker
from soaking.audio import excerpt, whole
from soaking.cases import CASES
from soaking.inputs import Together

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def together(server, sample):
    with Asker(server.url) as asker:
        yield Together(asker, excerpt(whole(sample)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_it_gets_what_it_deserves_and_hurts_nobody(together, case):
    assert together.result(case).problems == []
