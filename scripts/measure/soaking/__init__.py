"""No bad client hurts another, and nothing is lost: everything behind `scripts/measure/soak.py`.

Read in this order: command_line, audio, files, bombs, asking, comparing, verdicts, case, answered,
refused_files, refused_inputs, refused_parameters, cases, alone, inputs, repeats, mix, crowd,
watching, load, growth, serving, errand, faults, results, tables, report, plots, output. Modules of
benchmark.py, of evaluate.py, of the client and of the library are used as they are.
"""
