"""The gateway: REST, and a web page, in front of Triton. It talks gRPC as the client does.

To read, in this order:

- `app`, `serving`, `options`, `settings`: the program.
- `application`, `gateway`: what it is put together of.
- `middleware`, `guards`, `limits`: around every request, and who is let in.
- `routes_diarize`, `uploads`, `multipart_form`, `probing`: how a recording arrives.
- `jobs`, `store`, `work_folder`, `running`, `estimates`: what becomes of it.
- `routes_jobs`, `answering`, `negotiation`, `exports`, `stored_file`, `documents`,
  `corrections`: what is told of it, and what a person corrects.
- `routes_view`, `viewing`, `shared_work`, `page_files`, and `page/`: the page.
- `problems`, `error_handlers`: all errors. `openapi`, `routes_health`, `metrics`: about itself.
"""
