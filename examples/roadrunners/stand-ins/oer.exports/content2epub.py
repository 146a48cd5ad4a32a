"""Stand-in: content2epub.py DIRECTORY -t collection -c CSS -e XSL -o OUTPUT."""

import argparse
import os
import zipfile

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles><rootfile full-path="content.opf"
    media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
PACKAGE = """<?xml version="1.0"?>
<package version="2.0" xmlns="http://www.idpf.org/2007/opf" unique-identifier="id">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:title>%s</dc:title><dc:language>en</dc:language><dc:identifier id="id">%s</dc:identifier>
  </metadata>
  <manifest>
    <item id="css" href="content.css" media-type="text/css"/>
    <item id="book" href="book.html" media-type="application/xhtml+xml"/>
  </manifest>
  <spine><itemref idref="book"/></spine>
</package>
"""
BOOK = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>%s</h1>%s</body></html>\n'

parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("-t", dest="kind", choices=["collection", "module"], required=True)
parser.add_argument("-c", dest="css", required=True)
parser.add_argument("-e", dest="xsl", required=True)
parser.add_argument("-o", dest="output", required=True)
options = parser.parse_args()

open(options.xsl).close()  # the real one makes its HTML with it
name = os.path.basename(os.path.normpath(options.directory))
files = sorted(os.path.relpath(os.path.join(place, one), options.directory)
               for place, _, names in os.walk(options.directory) for one in names)
with zipfile.ZipFile(options.output, "w") as epub:
    epub.writestr("mimetype", "application/epub+zip")  # first, and not compressed
    epub.writestr("META-INF/container.xml", CONTAINER)
    epub.writestr("content.opf", PACKAGE % (name, name))
    epub.write(options.css, "content.css")
    epub.writestr("book.html", BOOK % (name, "".join("<p>%s</p>" % file for file in files)))
