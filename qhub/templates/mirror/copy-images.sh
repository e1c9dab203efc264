#!/bin/sh
# Copies the images of images.txt, each line SOURCE TARGET, with skopeo or crane. Log in to the
# mirror's registry first (`skopeo login REGISTRY`, `crane auth login REGISTRY`). May be repeated:
# what a registry has already is not sent again.
set -u
cd "$(dirname "$0")" || exit 1

if command -v skopeo >/dev/null; then
  copy() { skopeo copy --all --preserve-digests "docker://$1" "docker://$2"; }
elif command -v crane >/dev/null; then
  copy() { crane copy "$1" "$2"; }
else
  echo "error: neither skopeo nor crane is on PATH" >&2
  exit 1
fi

failed=0
while read -r from to; do
  case "$from" in '' | '#'*) continue ;; esac
  if [ -z "$to" ]; then
    echo "error: $from has no name under a mirror: set mirror.images and pull again" >&2
    exit 1
  fi
  echo "$from -> $to"
  copy "$from" "$to" </dev/null || failed=$((failed + 1))
done <images.txt

[ "$failed" = 0 ] || echo "error: $failed images were not copied" >&2
[ "$failed" = 0 ]
