"""Backups: the format, and how trees of files get into it and out of it again.

    TARGET/qhub-backup.json              whose backups these are
    TARGET/backups/ID/manifest.jsonl     a line for each file, folder and link
    TARGET/backups/ID/backup.json        written last, with the manifest's hash: it is whole
    TARGET/backups/ID/qhub-config.yaml   the configuration, to be read by people
    TARGET/objects/HA/SH…                contents, named by their SHA-256; each is there once
    TARGET/partial/                      what an interrupted run had done already

An archive (`.tar.zst`) is such a folder with one backup in it, packed. Where the data comes from
and goes to is a `Source`, one for each platform.

Trees of people are read and written by root while they may be changed by them, out of malice too.
So every step goes from an open folder to a name in it and never through a symbolic link.
"""
