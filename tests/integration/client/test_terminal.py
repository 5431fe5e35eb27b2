"""The client at a terminal: a bar in audio time, and what it says at the end."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import client
from integration.client_fake_server import one_turn
from pseudo_terminal import Terminal

CLIENT = Path(client.__file__)
HZ = 16_000


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def start(triton, terminal):
    """A function that starts the client with this standard error."""
    environment = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    processes = []

    def start_client(*args, **variables):
        processes.append(
            subprocess.Popen(
                [sys.executable, CLIENT, "--url", triton.url, *map(str, args)],
                stdout=subprocess.PIPE,
                stderr=terminal.end,
                env=environment | variables,
            )
        )
        terminal.close_end()
        return processes[-1]

    yield start_client
    for process in processes:
        process.kill()
        process.communicate()


def test_the_bar_is_in_audio_time_and_marks_its_guesses(triton, wav, start, terminal):
    a, b = wav("a.wav", 600 * HZ), wav("b.wav", 1200 * HZ)
    guessed = threading.Event()

    def reply(call):
        if call.recording_id == "b":
            guessed.wait(timeout=60)
        return one_turn(call)

    triton.reply = reply
    process = start("--audio_file", a, b, "--jobs=1")

    assert "of 0:30:00 audio, 0/2 done, ~0:01:00 left" in terminal.show("left")
    # Until the guess for b, from the speed of a, is at its most: 95 % of 1200 s.
    at_most = "~0:29:00 of 0:30:00 audio, 1/2 done, ~0:00:00 left, 57.6 MB sent"
    assert at_most in terminal.show(at_most)
    guessed.set()
    shown = terminal.show()
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert out.decode().count("SPEAKER") == 2 * 2
    assert "recordings  2 done, 0 failed\r\naudio       0:01:00\r\n" in shown
    assert "times as fast as real time" in shown


def test_one_recording_ends_in_its_speakers(wav, start, terminal):
    process = start("--audio_file", wav("a.wav"))

    shown = terminal.show()

    assert process.wait(timeout=60) == 0
    assert "a: 0:00:30 of audio, 1 speaker, 1 turn, took" in shown
    assert "\x1b[36m█" in shown


def test_no_color_is_respected(wav, start, terminal):
    process = start("--audio_file", wav("a.wav"), NO_COLOR="1")

    shown = terminal.show()

    assert process.wait(timeout=60) == 0
    assert "█" in shown
    assert "\x1b[3" not in shown


def test_quiet_shows_nothing(wav, start, terminal):
    process = start("--audio_file", wav("a.wav"), "--quiet")

    assert terminal.show() == ""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith(b"SPEAKER a ")


def test_without_a_terminal_there_are_no_control_characters(triton, wav):
    done = subprocess.run(
        [sys.executable, CLIENT, "--url", triton.url, "--audio_file", wav("a.wav")],
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert b"\x1b" not in done.stderr
    assert b"\r" not in done.stderr
    assert b"INFO: 1 done, 0 failed\n" in done.stderr
