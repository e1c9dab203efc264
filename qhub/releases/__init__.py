"""The Helm releases of a deployment: which chart each is of, and the values it is given.

Pure: a config in, values out. What only an earlier stage knows, the stage's module adds.
"""
