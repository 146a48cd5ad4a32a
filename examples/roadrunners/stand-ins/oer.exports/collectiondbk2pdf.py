"""Stand-in: collectiondbk2pdf.py -p GENERATOR -d DIRECTORY -s STYLE OUTPUT."""

import argparse
import os
import subprocess
import sys
import xml.etree.ElementTree

parser = argparse.ArgumentParser()
parser.add_argument("-p", dest="generator", required=True)
parser.add_argument("-d", dest="directory", required=True)
parser.add_argument("-s", dest="style", required=True)
parser.add_argument("output")
options = parser.parse_args()

collection = xml.etree.ElementTree.parse(os.path.join(options.directory, "collection.xml"))
title = next((element.text for element in collection.iter() if element.tag.endswith("}title")), "")
sys.exit(subprocess.call([options.generator, options.output, title or "Untitled",
                          "Print style: " + options.style]))
