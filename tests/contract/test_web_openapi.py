"""The OpenAPI document says what the gateway does: schemathesis tries it, with real audio too."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
