"""Code that runs inside JupyterHub, in another environment or image than qhub itself.

Its files are copied as they are, so it imports nothing of qhub but its own modules. `common`
holds for every platform, `processes` and `spawner` for servers that are processes of one machine.
"""
