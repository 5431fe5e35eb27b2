"""Every odd and every bad request to the real server, each beside a good one."""

import pytest

from measure.soaking.asking import Asker
from measure.soaking.audio import excerpt, whole
from measure.soaking.cases import CASES
from measure.soaking.inputs import Together

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def together(server, sample):
    with Asker(server.url) as asker:
        yield Together(asker, excerpt(whole(sample)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_it_gets_what_it_deserves_and_hurts_nobody(together, case):
    assert together.result(case).problems == []
