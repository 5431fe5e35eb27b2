"""The gateway: a REST endpoint, and the place of a web page, in front of Triton.

`app.py` starts it. It talks gRPC through the client's own modules, which lie one folder up.
"""
