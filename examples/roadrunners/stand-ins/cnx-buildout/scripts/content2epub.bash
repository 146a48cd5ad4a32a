#!/bin/bash
# Stand-in: content2epub.bash PROJECT ID VERSION DIRECTORY COMPLETE.zip OFFLINE.zip BOOK.epub
# OER.EXPORTS, as the real one: unpacks the complete zip in DIRECTORY, puts the offline zip into
# what it unpacked, and the EPUB beside that.
set -eu
[ $# -eq 8 ] || { echo "usage: $0 PROJECT ID VERSION DIRECTORY ZIP ZIP EPUB OER.EXPORTS" >&2; exit 2; }
id=$2 version=$3 directory=$4 complete=$5 offline=$6 epub=$7 exports=$8
cd "$directory"
unpacked=${id}_${version}_complete
python3 -m zipfile -e "$complete" .
mkdir "${unpacked}/content"
find "$unpacked" -mindepth 1 -maxdepth 1 ! -name content -exec mv {} "$unpacked/content" \;
python3 "$exports/content2epub.py" "$unpacked" -t collection -c "$exports/static/content.css" \
  -e "$exports/xsl/dbk2epub.xsl" -o "$epub"
python3 -m zipfile -c "$offline" "$unpacked"
mv "$offline" "$unpacked"
