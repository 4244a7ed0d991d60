"""Django's settings, all of them from the environment; a wrong value stops the start with its name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from usher.lib import clock, env, secrets

#: production serves people, demo and test may stand on a virtual clock.
USHER_MODE = env.choice("USHER_MODE", "production", ("production", "demo", "test"))
USHER_DATA_DIR = env.path("USHER_DATA_DIR", "./var")
#: Where people and mail programs reach this installation: in links, pixels and unsubscribe headers.
USHER_PUBLIC_URL = env.text("USHER_PUBLIC_URL", "http://localhost:8000").rstrip("/")
if urlsplit(USHER_PUBLIC_URL).scheme not in ("http", "https") or not urlsplit(USHER_PUBLIC_URL).hostname:
    raise env.SettingError(
        f"USHER_PUBLIC_URL must look like https://usher.example.com, not {USHER_PUBLIC_URL!r}"
    )
#: The relay that takes our mail: smtp://[user:password@]host:port, smtp+starttls:// or smtps://.
USHER_SMTP_URL = env.text("USHER_SMTP_URL", "smtp://127.0.0.1:2525")
#: The gateway that takes our texts: local: (kept here, sent to nobody) or twilio://account:token@host?from=…
USHER_SMS_URL = env.text("USHER_SMS_URL", "local:")
#: The organisation's time zone: nights, schedules and dates without a time are read in it.
TIME_ZONE = env.text("USHER_TIME_ZONE", "UTC")
try:
    ZoneInfo(TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError):
    raise env.SettingError(
        f"USHER_TIME_ZONE must be a name such as Europe/London, not {TIME_ZONE!r}"
    ) from None

#: Days after which changes and sizes of audiences are forgotten; 0 keeps them for ever.
USHER_HISTORY_DAYS = env.number("USHER_HISTORY_DAYS", 0)

_clock_file = env.text("USHER_CLOCK_FILE")
if _clock_file:
    if USHER_MODE == "production":
        raise env.SettingError("USHER_CLOCK_FILE is refused in production: it is for the demo and for tests")
    clock.virtual = Path(_clock_file)

#: The first key seals and signs; further ones still open what they sealed.
USHER_SECRET_KEYS = env.words("USHER_SECRET_KEY", "") or [secrets.key_in(USHER_DATA_DIR)]
SECRET_KEY = USHER_SECRET_KEYS[0]
SECRET_KEY_FALLBACKS = USHER_SECRET_KEYS[1:]

ALLOWED_HOSTS = [
    *env.words("USHER_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
    urlsplit(USHER_PUBLIC_URL).hostname,
]
CSRF_TRUSTED_ORIGINS = [USHER_PUBLIC_URL]
_secure = USHER_PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "SAMEORIGIN"
DEBUG = False

# Without DATABASE_URL the command line starts the embedded server and sets it before Django wakes up.
DATABASES = {
    "default": env.postgres(env.text("DATABASE_URL", f"postgresql:///usher?host={USHER_DATA_DIR}/postgres"))
}
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "django_htmx",
    "ninja",  # serves the pictures and scripts of /api/docs from here
    "usher.sources",
    "usher.audiences",
    "usher.destinations",
    "usher.syncs",
    "usher.events",
    "usher.engage",
    "usher.seeds",
    "usher.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
# The Dotdigital API takes a path with or without its last slash; a redirect would lose the body.
APPEND_SLASH = False

ROOT_URLCONF = "usher.urls"
WSGI_APPLICATION = "usher.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

USE_TZ = True
USE_I18N = True
LANGUAGE_CODE = "en"
USE_THOUSAND_SEPARATOR = True

AUTHENTICATION_BACKENDS = ["usher.web.throttle.ThrottledBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
# A mail's files may have 15 MB, and a third more as base64.
DATA_UPLOAD_MAX_MEMORY_SIZE = 24 * 1024 * 1024

# Workers import these when they begin; found by themselves they would be imported by every command.
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""
PROCRASTINATE_IMPORT_PATHS = ["usher.work.tasks", "usher.syncs.tasks", "usher.engage.tasks"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "usher": {"level": env.text("USHER_LOG_LEVEL", "INFO")},
        # a 4xx is the caller's business, and is told to the caller
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # what is tried again is told of when it ends
        "stamina": {"level": "ERROR"},
    },
}
