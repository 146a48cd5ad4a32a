"""A PDF of a collection, by oer.exports and a generator such as Prince."""

import os
import subprocess

from rbit import Failed
from roadrunners import utils


def print_style(exports, collection):
    """What the collection says of itself. It comes from elsewhere: its style may fetch nothing and
    write nothing."""
    sheet = os.path.join(exports, "xsl", "collxml-print-style.xsl")
    try:
        done = subprocess.run(["xsltproc", "--nonet", "--novalid", "--nowrite", "--nomkdir", sheet,
                               os.path.join(collection, "collection.xml")],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        raise Failed("xsltproc: %s (apt-get install xsltproc)" % error.strerror) from None
    style = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0 or not style or style.startswith("-"):
        raise Failed("The collection has no print style.")
    return style


def make_pdf(build_request, settings):
    """ID-VERSION.pdf. Settings: output-dir, oer.exports-dir, pdf-generator, python."""
    package, version = build_request.get_package(), build_request.get_version()
    exports = utils.path_of(settings, "oer.exports-dir")
    generator = utils.path_of(settings, "pdf-generator")
    base = utils.base_of(build_request, settings)
    name = "%s-%s.offline.zip" % (package, version)
    archive = utils.stored(settings, name) or utils.download(
        utils.content_url(base, "content", package, version, "offline"), name)
    directory = utils.unpack(archive)
    result = "%s-%s.pdf" % (package, utils.real_version(version, directory))
    collection = os.path.join(directory, "content")
    utils.run([utils.python_of(settings), os.path.join(exports, "collectiondbk2pdf.py"),
               "-p", generator, "-d", collection, "-s", print_style(exports, collection),
               os.path.abspath(result)])
    return [result]
