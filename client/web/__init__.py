"""The gateway: REST and a web page in front of Triton, to which it talks as the client does.

To read, in this order:

- `app`, `settings`, `serving`: the program, its options, its HTTP server.
- `application`, `gateway`: the FastAPI app, and the parts that its routes share.
- `http/`: what surrounds every request: access checks, headers, errors, metrics.
- `jobs/`: how a recording arrives, waits, goes through Triton, and is kept until it expires.
- `api/`: the routes, what they accept and answer, the OpenAPI document, and that of the WebSocket.
- `page/`: the page in the browser.
"""
