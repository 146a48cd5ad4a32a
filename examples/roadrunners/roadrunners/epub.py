"""An EPUB of a collection, by oer.exports."""

import os

from roadrunners import utils


def make_epub(build_request, settings):
    """ID-VERSION.epub. Settings: output-dir, oer.exports-dir, python."""
    package, version = build_request.get_package(), build_request.get_version()
    exports = utils.path_of(settings, "oer.exports-dir")
    base = utils.base_of(build_request, settings)
    name = "%s-%s.complete.zip" % (package, version)
    archive = utils.stored(settings, name) or utils.download(
        utils.content_url(base, "content", package, version, "complete"), name)
    directory = utils.unpack(archive)
    result = "%s-%s.epub" % (package, utils.real_version(version, directory))
    utils.run([utils.python_of(settings), os.path.join(exports, "content2epub.py"), directory,
               "-t", "collection",
               "-c", os.path.join(exports, "static", "content.css"),
               "-e", os.path.join(exports, "xsl", "dbk2epub.xsl"),
               "-o", os.path.abspath(result)])
    return [result]
