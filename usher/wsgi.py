"""The web application, as a server such as Granian wants it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "usher.settings")
application = get_wsgi_application()
