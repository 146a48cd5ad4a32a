"""What the runners share. Each job has a fresh directory, which is the current one; what is made
there and returned, rbit puts into output-dir."""

import base64
import http.client
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile

from rbit import Failed

SILENCE = 60  # seconds that a server may say nothing; the runner's `timeout` is for the whole job
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another address may be of another host, and would be sent the password too."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirects, urllib.request.ProxyHandler({}))


def path_of(settings, key):
    """A setting that names a file; a relative one starts at the INI file, as rbit's own do."""
    if not settings.get(key):
        raise Failed("The setting '%s' is missing." % key)
    beside_the_ini = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.join(beside_the_ini, settings[key])


def base_of(build_request, settings):
    """Where the content is, without the last slash. The message says so, but it may only name a
    host that the configuration names as well."""
    uri = getattr(build_request.transport, "uri", None) or ""
    # Letter by letter, as the parsers of Python and of what is called here differ in the rest.
    plain = re.fullmatch(r"(?i:https?)://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~%/-]*)?", uri)
    parts = urllib.parse.urlsplit(uri if plain else "")
    if not plain:
        raise Failed("'%s' is no address of content." % uri)
    named = settings.get("content-hosts", "").replace(",", " ").lower().split()
    named.append(urllib.parse.urlsplit(settings.get("host", "")).netloc.lower())
    if not parts.netloc or parts.netloc.lower() not in named:
        raise Failed("'%s' is not a host that content-hosts of the configuration names."
                     % parts.netloc)
    return uri[:-1] if uri.endswith("/") else uri


def content_url(base, *parts):
    return "/".join([base] + [urllib.parse.quote(part, safe="") for part in parts])


def download(url, path, user=None):
    """Writes what `url` gives to `path`; Failed if that is anything but all of it. `user` is a
    name and a password."""
    request = urllib.request.Request(url)
    if user is not None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise Failed("The password is not sent to '%s' unencrypted." % parts.netloc)
        word = base64.b64encode(":".join(user).encode()).decode()
        request.add_unredirected_header("Authorization", "Basic " + word)
    try:
        with OPENER.open(request, timeout=SILENCE) as answer:
            if answer.status != 200:
                raise Failed("Response code is '%d' for '%s'." % (answer.status, url))
            with open(path, "wb") as file:
                shutil.copyfileobj(answer, file)
            length = answer.headers.get("Content-Length")
            if length is not None and int(length) != os.path.getsize(path):
                raise Failed("'%s' ended before all of it was here." % url)
    except urllib.error.HTTPError as error:
        raise Failed("Response code is '%d' for '%s'." % (error.code, url)) from None
    except (OSError, http.client.HTTPException) as error:
        raise Failed("No answer from '%s': %s" % (url, error)) from None
    return path


def unpack(path):
    """Unpacks a zip here; the directory that all of it is in."""
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall()
            tops = {name.split("/")[0] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise Failed("'%s' cannot be unpacked: %s" % (os.path.basename(path), error)) from None
    if len(tops) != 1 or tops & {"", ".", ".."} or not os.path.isdir(min(tops)):
        raise Failed("'%s' holds more than one directory." % os.path.basename(path))
    return os.path.abspath(tops.pop())


def real_version(version, directory):
    """`latest` is no version: the directory in the zip, ID_VERSION_complete, has the real one."""
    fields = os.path.basename(directory).split("_")
    if version != "latest":
        return version
    if len(fields) < 3:
        raise Failed("'%s' does not name the version." % os.path.basename(directory))
    return fields[1]


def stored(settings, name):
    """A result of an earlier job, or None. That of `latest` may be old by now."""
    path = os.path.join(path_of(settings, "output-dir"), name)
    return path if "-latest." not in name and os.path.isfile(path) else None


def run(command, **options):
    """Its output is the job's log. Any exit code but 0 is a failure."""
    print("+", *command, flush=True)
    try:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False, **options).returncode
    except OSError as error:
        raise Failed("%s: %s" % (command[0], error.strerror)) from None
    if code != 0:
        raise Failed("%s ended with %d." % (os.path.basename(command[0]), code))


def python_of(settings):
    return settings.get("python") or sys.executable
