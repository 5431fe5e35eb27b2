"""Parse the Dockerfiles, and make the folders of their COPY lines without Docker."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from docker.utils import exclude_paths

ROOT = Path(__file__).resolve().parents[1]
SERVER, CLIENT, WEB = (
    ROOT / "Dockerfile" / f"dockerfile.{name}" for name in ("server", "client", "web")
)
COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)


@dataclass
class Stage:
    """One stage of a Dockerfile: its instructions as (name, arguments as they are written)."""

    base: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Arguments of all instructions of a name."""
        return [arguments for instruction, arguments in self.instructions if instruction == name]

    def command(self, name: str) -> list[str]:
        """The last instruction of a name that is written as a JSON list."""
        words: list[str] = json.loads(self.all(name)[-1])
        return words

    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        pairs = [word.partition("=") for line in self.all("ENV") for word in shlex.split(line)]
        return {name: value for name, _, value in pairs}

    def copies(self) -> list[tuple[list[str], str]]:
        """Sources and target of every COPY from the context."""
        lines = [shlex.split(line) for line in self.all("COPY") if "--from=" not in line]
        words = [[word for word in line if not word.startswith("--")] for line in lines]
        return [(sources, target) for *sources, target in words]


def stages(dockerfile: Path) -> list[Stage]:
    """The stages of a Dockerfile, in order."""
    text = COMMENT.sub("", dockerfile.read_text()).replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(str.strip, text.splitlines()):
        name, _, arguments = line.strip().partition(" ")
        if name == "FROM":
            base, _, stage = arguments.partition(" AS ")
            found.append(Stage(base, stage))
        elif found:
            found[-1].instructions.append((name, arguments.strip()))
    return found


def patterns() -> list[str]:
    """The lines of .dockerignore."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def context(folder: Path = ROOT) -> set[str]:
    """Files of a folder that Docker would send to the build, relative to it."""
    sent = exclude_paths(str(folder), patterns())
    return {path for path in sent if (folder / path).is_file()}


def copied(sources: list[str], target: str) -> dict[str, str]:
    """What one COPY does: file of the context -> place below the working folder."""
    return {
        path: place
        for source in sources
        for path in context()
        if (place := _place(path, source.rstrip("/"), target))
    }


def _place(path: str, source: str, target: str) -> str | None:
    if path.startswith(f"{source}/"):
        return str(Path(target, path.removeprefix(f"{source}/")))
    if Path(path).match(source) and Path(path).parent == Path(source).parent:
        return str(Path(target, Path(path).name)) if target.endswith("/") else target
    return None


def replay(stage: Stage, working_folder: Path) -> Path:
    """Lay out what the COPY lines of a stage put below its first working folder, and return it."""
    for sources, target in stage.copies():
        if target.startswith("/"):
            continue
        for path, place in copied(sources, target).items():
            file = working_folder / place
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, file)
    return working_folder
