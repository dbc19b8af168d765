#!/bin/sh
# Lay out this project's own files below the folder $1 as they lie in the image, and write what the image says of itself
# (image.json, sbom.cdx.json): app.sh TREE KEY=VALUE… Runs at build time only.
set -eu
tree=$1 site=/opt/dlc/lib/python3.11/site-packages
shift
mkdir -p "$tree$site" "$tree/usr/local/bin" "$tree/usr/local/lib/dlcctr"
install -m 644 /build/environment.sh "$tree/usr/local/lib/dlcctr/"
install -m 755 /build/dlc /build/python "$tree/usr/local/bin/"
ln -s python "$tree/usr/local/bin/python3"

/build/pip/bin/pip --python /opt/dlc/bin/python install -q --no-deps --no-build-isolation --no-compile \
    --target "$tree$site" --no-cache-dir --root-user-action=ignore /build/src
install -m 644 /build/dlcctr_startup.py "$tree$site/"
echo 'import dlcctr_startup' > "$tree$site/dlcctr_startup.pth"
rm -rf "${tree:?}$site/bin" "${tree:?}$site/dlcctr/image_files" # what builds images is of no use inside one
find "$tree$site" -depth -name __pycache__ -exec rm -rf {} +
/opt/dlc/bin/python -I -m compileall -q -f -s "$tree" -p / --invalidation-mode unchecked-hash "$tree$site"

cp -r "$tree$site/." "$site/"
/opt/dlc/bin/python -I /build/facts.py describe /build/facts.json "$tree/opt/dlc/image.json" "$@"
/opt/dlc/bin/python -I /build/sbom.py "$tree/opt/dlc/image.json" /build/dpkg-status /build/reports \
    "$tree/opt/dlc/sbom.cdx.json"
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
