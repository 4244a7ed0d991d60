"""The pages for marketers and operators: server-rendered, live parts by HTMX."""
