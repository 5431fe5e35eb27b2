"""The client's options, a module per topic and a titled group of --help each."""
