"""Where VoxConverse comes from.

Audio: the authors' own page. References: their repository, whose README calls what is on `master`
version 0.3; it has no tags, so the commit is named. CC BY 4.0, for research; the copyright of the
recordings stays with the owners of the videos.
"""

from __future__ import annotations

AUDIO_URL = "https://www.robots.ox.ac.uk/~vgg/data/voxconverse/data/voxconverse_{name}_wav.zip"
RTTM_VERSION = "0.3"
RTTM_COMMIT = "24bf60be297701cd7e4ef18550c6d390c1b87365"
RTTM_URL = f"https://github.com/joonson/voxconverse/archive/{RTTM_COMMIT}.zip"
SETS = ("dev", "test")
