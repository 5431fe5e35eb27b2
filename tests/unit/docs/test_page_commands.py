"""How the commands of a page are found and run."""

from types import SimpleNamespace

import pytest

from e2e.page_commands import Block, addressed, blocks_of, run_block

PAGE = """\
# A page

```bash
echo one
```

<!-- not run: it takes an hour -->
```bash
sleep 3600
```

```
no command
```

```bash
echo two |
  cat
```

```python
print(3)
```
"""
SERVER = SimpleNamespace(
    url="127.0.0.1:4001", ports=SimpleNamespace(http=4000, grpc=4001, metrics=4002)
)


def test_blocks_are_found_with_their_lines_and_reasons():
    assert blocks_of(PAGE) == [
        Block(4, "echo one\n"),
        Block(9, "sleep 3600\n", "it takes an hour"),
        Block(17, "echo two |\n  cat\n"),
        Block(22, "print(3)\n", language="python"),
    ]


def test_default_addresses_become_those_of_the_server():
    script = "curl localhost:8000/x; client --url=localhost:8001; curl localhost:8002/metrics"

    assert addressed(script, SERVER) == (
        "curl 127.0.0.1:4000/x; client --url=127.0.0.1:4001; curl 127.0.0.1:4002/metrics"
    )


@pytest.mark.parametrize(
    "script",
    [
        "false\ntrue\n",
        "false | cat\ntrue\n",
        "false && echo fine\ntrue\n",
        "no-such-command\n",
    ],
)
def test_a_command_that_fails_fails_the_block(script, tmp_path):
    assert run_block(Block(1, script), tmp_path, SERVER).returncode != 0


def test_python_is_run_too(tmp_path):
    assert run_block(Block(1, "print(3)", language="python"), tmp_path, SERVER).stdout == "3\n"


def test_commands_run_in_the_folder_and_know_the_server(tmp_path):
    done = run_block(Block(1, "pwd > here\necho $DIARIZATION_URL\n"), tmp_path, SERVER)

    assert done.returncode == 0
    assert (tmp_path / "here").read_text().strip() == str(tmp_path)
    assert done.stdout == "127.0.0.1:4001\n"
