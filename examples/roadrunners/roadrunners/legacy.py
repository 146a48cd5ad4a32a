"""The four runners that speak to a Rhaptos repository and to the tools of its time."""

import os
import shutil
import urllib.parse

from rbit import Blocked, Failed
from roadrunners import utils


def _create(build_request, settings, what, result, user=None):
    """Asks the repository to make something of the content, and takes what it sends."""
    package, version = build_request.get_package(), build_request.get_version()
    base = utils.base_of(build_request, settings)
    base += "/" + settings.get("path-to-content", "/content").strip("/")
    url = utils.content_url(base, package, version, what)
    return [utils.download(url, "%s-%s%s" % (package, version, result), user)]


def make_collxml(build_request, settings):
    """ID-VERSION.xml. Settings: output-dir, path-to-content (/content)."""
    return _create(build_request, settings, "source_create", ".xml")


def make_completezip(build_request, settings):
    """ID-VERSION.complete.zip. Settings: as make_collxml, username, password."""
    user = (settings.get("username"), settings.get("password"))
    if not all(user):
        raise Failed("The settings 'username' and 'password' are missing.")
    return _create(build_request, settings, "create_complete", ".complete.zip", user)


def make_offlinezip(build_request, settings):
    """ID-VERSION.offline.zip and .epub. Settings: output-dir, oer.exports-dir, cnx-buildout-dir,
    python-env (a virtual environment, if the tools need one)."""
    package, version = build_request.get_package(), build_request.get_version()
    exports = utils.path_of(settings, "oer.exports-dir")
    script = os.path.join(utils.path_of(settings, "cnx-buildout-dir"), "scripts",
                          "content2epub.bash")
    base = utils.base_of(build_request, settings)
    name = "%s-%s" % (package, version)
    complete = name + ".complete.zip"
    if utils.stored(settings, complete):
        shutil.copyfile(utils.stored(settings, complete), complete)
    else:
        try:
            utils.download(utils.content_url(base, "content", package, version, "complete"),
                           complete)
        except Failed as error:
            raise Blocked("There is no complete zip yet. %s" % error) from None

    here = os.getcwd()
    command = [script, "Connexions", package, version, here, complete, name + ".offline.zip",
               name + ".epub", exports]
    if settings.get("python-env"):
        activate = os.path.join(utils.path_of(settings, "python-env"), "bin", "activate")
        command = ["bash", "-c", '. "$0" && exec "$@"', activate] + command
    utils.run(command, cwd=exports)
    # The script puts the zip where it has unpacked the other one.
    return [os.path.join(here, "%s_%s_complete" % (package, version), name + ".offline.zip"),
            os.path.join(here, name + ".epub")]


def make_print(build_request, settings):
    """ID-VERSION.pdf, by the makefiles of Products.RhaptosPrint. Settings: output-dir, print-dir,
    python."""
    package, version = build_request.get_package(), build_request.get_version()
    print_dir = utils.path_of(settings, "print-dir")
    host = urllib.parse.urlsplit(utils.base_of(build_request, settings))
    makefile = "module_print.mak" if package.startswith("m") else "course_print.mak"
    shutil.copy(os.path.join(print_dir, makefile), makefile)
    variables = {"VERSION": version, "PYTHON": utils.python_of(settings), "PRINT_DIR": print_dir,
                 "HOST": "%s://%s" % (host.scheme, host.netloc)}
    utils.run(["make", "-e", "-f", makefile, package + ".pdf"], env={**os.environ, **variables})
    result = "%s-%s.pdf" % (package, version)
    os.rename(package + ".pdf", result)
    return [result]
