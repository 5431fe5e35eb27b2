"""The viewer of one recording: lanes, waveform, sound, errors, in a report or in the web page.

A report is one HTML file that needs no network: `page` joins in it the viewer's ES modules and
styles, the document of `document` and the FLAC of `sound`. The web page imports the same modules.
They are plain JavaScript: `<audio>`, a canvas for the waveform, positioned elements for turns.
`lanes.js` decides and draws the lanes, and `viewer.js` has the class that pages use. No maintained
Python package brings a waveform library for browsers, and none of those libraries has lanes,
errors, and borders that can be corrected.
"""
