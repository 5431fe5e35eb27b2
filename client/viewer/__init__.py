"""A report of one recording: one HTML file to look at and listen to, with no network.

The page is plain JavaScript of our own on `<audio>`, a canvas for the waveform, and positioned
elements for turns. No library of waveforms comes inside a Python package that is maintained; what
there is for browsers would have to be built with Node or copied in; and lanes, errors, and borders
that can be corrected are what they lack. The files below are served as they are, or put into one
page by `page`; none needs another's tools. Their public part is the class `DiarizationView`.
"""
