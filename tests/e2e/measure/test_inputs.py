"""Every unusual and every invalid request to the real server, each beside a good one."""

import pytest

from measure.soaking.cases import CASES
from measure.soaking.checks import CaseRunner
from measure.soaking.files import excerpt, load_speech
from measure.soaking.requests import Client

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def runner(server, sample):
    with Client(server.url) as client:
        yield CaseRunner(client, excerpt(load_speech(sample)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_request_gets_what_is_expected_and_affects_no_other(runner, case):
    assert runner.run(case).problems == []
