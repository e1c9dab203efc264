"""conda-store beside the hub: a service of it, at `/conda-store/` of its address.

`service` is what the hub has to know. `start` runs with the Python of the hub, as who deployed.
All else runs with the Python of conda-store's own environment, which has nothing of qhub: `config`
is what its two programs read, `server` and `worker` are the programs. In a cluster they and
`environments`, which makes those of the configuration, run as they are in conda-store's image.
"""
