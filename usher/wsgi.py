"""The web application, as a server such as Granian wants it."""

from __future__ import annotations

import importlib
import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "usher.settings")
application = get_wsgi_application()
# its models want Django awake
importlib.import_module("usher.engage.calls").start()
# the first page that opens a table wants Ibis, which takes a second: nobody should wait for it
threading.Thread(target=importlib.import_module, args=["ibis"], daemon=True).start()
